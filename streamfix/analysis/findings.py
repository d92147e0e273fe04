"""What was measured of a stream, as numbers and as a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..fusion import Noise
from .blockiness import Blockiness
from .light import Light

_HIDES = 2 / 255  # noise that hides fine detail
_SMALLER = 0.8  # a picture whose detail fills less than this share of its width and height is called enlarged


@dataclass(frozen=True, slots=True)
class Findings:
    """The state of a stream's pictures. frames: so many were seen.

    width, height: of the picture. noise, blocks, light: in [0, 1] units.
    blur: standard deviation in pixels of what blurs the sharper edges; None without edges.
    content: share of width and height that holds detail.
    combing: how many times more neighbouring lines differ than lines of one field where something moves, and
    interlaced: whether that makes it two fields; None if nothing moved.
    repeated: share of frames that repeat the one before, None where the picture stands still; cadence: every how many
    frames, None if irregular.
    quantiser: mean of what the codec says, None if it says nothing.
    artifacts: standard deviation of what a codec did, [0, 1] units, where a filter has told it (`told_by`).
    """

    frames: int
    width: int
    height: int
    noise: Noise
    blocks: Blockiness
    light: Light
    blur: float | None = None
    content: tuple[float, float] = (1.0, 1.0)
    combing: float | None = None
    interlaced: bool | None = None
    repeated: float | None = None
    cadence: int | None = None
    quantiser: float | None = None
    artifacts: float | None = None

    def told_by(self, report: Mapping[str, float]) -> Findings:
        """With what a filter has measured. report: of the filter, see `Filter.report`; artifacts_luma is taken."""
        return replace(self, artifacts=report["artifacts_luma"] / 255) if "artifacts_luma" in report else self

    @property
    def content_size(self) -> tuple[int, int]:
        """Width and height in pixels that would hold the picture's detail."""
        return round(self.width * self.content[0]), round(self.height * self.content[1])

    @property
    def enlarged(self) -> bool:
        """Whether the picture has clearly more pixels than detail. Under noise nobody can tell."""
        return max(self.content) < _SMALLER and self.noise.luma < _HIDES

    def numbers(self) -> dict[str, float | int | bool | None]:
        """Everything by name; noise, blockiness and light in 8-bit codes."""
        width, height = self.content_size
        return {
            "frames": self.frames,
            "noise_luma": round(self.noise.luma * 255, 2),
            "noise_chroma": round(self.noise.chroma * 255, 2),
            "blockiness": round(self.blocks.step * 255, 3),
            "block_pitch": round(self.blocks.pitch, 2),
            "artifacts": None if self.artifacts is None else round(self.artifacts * 255, 2),
            "qp_mean": None if self.quantiser is None else round(self.quantiser, 1),
            "blur": None if self.blur is None else round(self.blur, 2),
            "content_width": width,
            "content_height": height,
            "enlarged": self.enlarged,
            "combing": None if self.combing is None else round(self.combing, 2),
            "interlaced": self.interlaced,
            "repeated_share": None if self.repeated is None else round(self.repeated, 3),
            "repeat_cadence": self.cadence,
            "brightness": round(self.light.middle * 255, 1),
            "contrast": round(self.light.contrast * 255, 1),
            "dark": self.light.dark,
            "low_contrast": self.light.flat,
        }

    def __str__(self) -> str:
        parts = [f"noise {self.noise.luma * 255:.1f}/{self.noise.chroma * 255:.1f}"]
        parts.append(f"blocks {self.blocks.step * 255:.2f}")
        if self.artifacts is not None:
            parts.append(f"artifacts {self.artifacts * 255:.1f}")
        if self.quantiser is not None:
            parts.append(f"QP {self.quantiser:.0f}")
        if self.blur is not None:
            parts.append(f"blur {self.blur:.1f} px")
        if self.enlarged:
            parts.append("detail of {}x{}".format(*self.content_size))
        if self.interlaced:
            parts.append("interlaced")
        if self.light.dark:
            parts.append("dark")
        return ", ".join(parts)
