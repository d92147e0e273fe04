"""From what was measured to what should be done about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from .findings import Findings

# Below the first value a fault is left alone, from the second on as much as can be is done about it.
_NOISE = (0.75 / 255, 1.5 / 255)
_BLOCKS = (0.06 / 255, 0.11 / 255)  # where block edges alone have to tell
# Texture and soft detail are taken for artifacts here and there, and other texture for block edges, seldom both: what
# both are, as multiples of these, is multiplied and its root taken.
_SOME_BLOCKS, _SOME_ARTIFACTS = 0.05 / 255, 2.5 / 255
_BOTH = (0.7, 1.0)
_ARTIFACTS = (1.5 / 255, 1.9 / 255)
_QUANTISER = (22.0, 28.0)
# Noise is taken for artifacts, and moves edges: so much more is asked of block edges among noise.
_HEAVY_NOISE, _NOISY_BLOCKS = 4 / 255, 0.08 / 255
_DEINTERLACER = "bwdif=mode=send_frame"  # libavfilter's
_BLURRED = 1.3  # pixels
_DARK = "dark: no filter of ours brightens it; libavfilter's `eq=gamma=1.5` does, after denoising"


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of each remedy is called for, 0 to 1."""

    artifacts: float
    noise: float


@dataclass(frozen=True, slots=True)
class Advice:
    """chain: as after -vf; `null` where nothing is called for. notes: what no filter of the chain mends, in words."""

    chain: str
    notes: tuple[str, ...] = ()


def shares(findings: Findings) -> Shares:
    """How much of each remedy the pictures call for.

    The codec's quantiser decides where it is told; else block edges, together with what `deblock` has measured where
    it did. What is merely soft, or fine texture, calls for nothing.
    """
    noise = _ramp(max(findings.noise.luma, findings.noise.chroma), *_NOISE)
    edges = max(findings.blocks.step - _NOISY_BLOCKS * _ramp(findings.noise.luma, 0.0, _HEAVY_NOISE), 0.0)
    if findings.artifacts is None:
        seen = _ramp(edges, *_BLOCKS)
    else:
        both = (edges / _SOME_BLOCKS * findings.artifacts / _SOME_ARTIFACTS) ** 0.5
        seen = _ramp(both, *_BOTH) * _ramp(findings.artifacts, *_ARTIFACTS)
    if findings.quantiser is not None:
        seen = max(seen, _ramp(findings.quantiser, *_QUANTISER))
    return Shares(seen, noise)


def advise(findings: Findings, filters: Collection[str], scale: int = 1) -> Advice:
    """What to write after -vf. filters: names of those that are installed. scale: how many times larger it shall be.

    Order: fields are made frames, then a codec's traces go, since others take them for detail; then noise; size last.
    """
    wanted = shares(findings)
    chain: list[str] = []
    notes: list[str] = []
    if findings.interlaced:
        chain.append(_DEINTERLACER)
    if wanted.artifacts > 0:
        _take(chain, notes, filters, ("deblock",), "a codec's artifacts")
    if wanted.noise > 0:
        _take(chain, notes, filters, ("denoise", "smooth"), "noise")
    if scale > 1:
        _take(chain, notes, filters, ("upscale",), f"enlarging {scale} times", f"=scale={scale}")
    if findings.enlarged:
        width, height = findings.content_size
        notes.append(f"its detail would fit into {width}x{height}: it was enlarged, or is soft")
    if (findings.blur or 0.0) > _BLURRED:
        remedy = "; try `deblur` and look" if "deblur" in filters else ""
        notes.append(f"edges are blurred by {findings.blur:.1f} pixels{remedy}")
    if findings.light.dark:
        notes.append(_DARK)
    if findings.cadence is not None:
        notes.append(f"one in {findings.cadence} frames repeats the one before; libavfilter's `mpdecimate` drops it")
    return Advice(",".join(chain) or "null", tuple(notes))


def _take(
    chain: list[str], notes: list[str], filters: Collection[str], names: tuple[str, ...], what: str, options: str = ""
) -> None:
    """Add the first of the filters that is installed, or say that none is."""
    for name in names:
        if name in filters:
            chain.append(name + options)
            return
    notes.append(f"for {what} no filter is installed, such as {names[0]}")


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
