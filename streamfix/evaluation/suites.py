"""What is done to a clean clip before it is restored: the same on every run, its seed following from the names."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import cast

import av
import numpy as np

from ..errors import UnknownName
from ..media.output.encoder import repeatable_x264_params
from ..training.degradations.driving import Driving, degrade_driving
from . import bicubic, blurs, sensor
from .clip import Bytes, Clip, Floats, to_codes
from .scaling import Weights, area, cropped, enlarged, reduced
from .stills import Still, modcrop, yuv420


@dataclass(frozen=True, slots=True, eq=False)
class Degraded:
    """A clip made worse, and what a perfect restoration of it is.

    sigma_y, sigma_uv: the noise that filters which ask for it are told, standard deviation in 8-bit codes: as it was
    added where it is Gaussian on the planes, else the root mean square of the difference.
    rgb: (T, 3, H, W) in units of [0, 1], where the noise came before Y'CbCr: what an R'G'B' network sees; sigma_rgb:
    its standard deviation, 8-bit codes.
    scale: how many times larger the truth is than `noisy`. still: the picture, where it is one of a set of stills.
    """

    suite: str
    truth: Clip
    noisy: Clip
    sigma_y: float
    sigma_uv: float
    rgb: Floats | None = field(default=None, repr=False)
    sigma_rgb: float | None = None
    scale: int = 1
    still: Still | None = field(default=None, repr=False)

    def part(self, first: int, frames: int, size: tuple[int, int] | None = None) -> Degraded:
        """The same for a part of the clip, see `Clip.part`; size: of the noisy one."""
        noisy = self.noisy.part(first, frames, size)
        width, height = noisy.size
        left, top = ((have - want) // 4 * 2 for have, want in zip(self.noisy.size, noisy.size, strict=True))
        of_truth = ((left * self.scale, top * self.scale), (width * self.scale, height * self.scale))
        truth = self.truth.window(first, frames, *of_truth)
        rgb = self.rgb
        if rgb is not None:
            rgb = rgb[first : first + frames, :, top : top + height, left : left + width]
        return Degraded(self.suite, truth, noisy, self.sigma_y, self.sigma_uv, rgb, self.sigma_rgb, self.scale)

    def shown(self) -> Clip:
        """What came in, at the truth's size: enlarged by MATLAB's bicubic where it is smaller."""
        return self.noisy if self.scale == 1 else enlarged(self.noisy, self.scale)

    def rgb_picture(self, t: int) -> Floats:
        """What an R'G'B' network sees of picture t: (3, H, W)."""
        return self.noisy.rgb(t) if self.rgb is None else self.rgb[t]


def gaussian(clip: Clip, rng: np.random.Generator, sigma: float, name: str = "") -> Degraded:
    """Noise of `sigma` codes on all three planes, rounded to 8 bits."""

    def noisy(plane: Bytes) -> Bytes:
        return to_codes(plane + rng.standard_normal(plane.shape, dtype=np.float32) * np.float32(sigma))

    return Degraded(name, clip, Clip(*map(noisy, clip.planes())), sigma, sigma)


def gaussian_rgb(clip: Clip, rng: np.random.Generator, sigma: float, name: str = "") -> Degraded:
    """Noise of `sigma` codes on R'G'B', neither rounded nor clipped there, as the literature's tables have it."""
    clean = np.stack([clip.rgb(t) for t in range(len(clip))])
    rgb = clean + rng.standard_normal(clean.shape, dtype=np.float32) * np.float32(sigma / 255)
    noisy = Clip.from_rgb(rgb)
    return Degraded(name, clip, noisy, *_told(clip, noisy), rgb, sigma)


def sensor_isp(clip: Clip, rng: np.random.Generator, shot: float, name: str = "") -> Degraded:
    """Noise where light becomes numbers, then demosaicking, colour and tone. The truth is what comes without noise."""
    truth, noisy = [], []
    for t in range(len(clip)):
        mosaic = sensor.expose(clip.rgb(t))
        truth.append(sensor.develop(mosaic))
        noisy.append(sensor.develop(sensor.add_noise(mosaic, shot, rng)))
    clean, bad = Clip.from_rgb(truth, averaged=True), Clip.from_rgb(noisy, averaged=True)
    return Degraded(name, clean, bad, *_told(clean, bad))


def codec(clip: Clip, rng: np.random.Generator, sigma: float, crf: int, name: str = "") -> Degraded:
    """Noise of `sigma` codes, then H.264 by x264, preset medium."""
    coded = x264(gaussian(clip, rng, sigma).noisy, crf)
    return Degraded(name, clip, coded, *_told(clip, coded))


def artifacts(clip: Clip, rng: np.random.Generator, codec: str, crf: int, name: str = "") -> Degraded:
    """What a codec alone does. codec: x264 or x265, preset medium."""
    coded = ENCODERS[codec](clip, crf)
    return Degraded(name, clip, coded, *_told(clip, coded))


def transcoded(clip: Clip, rng: np.random.Generator, crf: int, name: str = "") -> Degraded:
    """As recorders do: H.264 of `crf`, and what came of it encoded again so well that the stream says all is well."""
    coded = x264(x264(clip, crf), 18)
    return Degraded(name, clip, coded, *_told(clip, coded))


def smaller(
    clip: Clip, rng: np.random.Generator, scale: int, kernel: Weights = bicubic.weights, name: str = ""
) -> Degraded:
    """Nothing but fewer pixels."""
    truth = cropped(clip, 2 * scale)
    return Degraded(name, truth, reduced(truth, scale, kernel), 0.0, 0.0, scale=scale)


def smaller_coded(clip: Clip, rng: np.random.Generator, scale: int, sigma: float, crf: int, name: str = "") -> Degraded:
    """As a cheap camera: fewer pixels (means of areas), noise of `sigma` codes on all planes, H.264."""
    truth = cropped(clip, 2 * scale)
    small = reduced(truth, scale, area)
    coded = x264(gaussian(small, rng, sigma).noisy, crf)
    return Degraded(name, truth, coded, *_told(small, coded), scale=scale)


def smaller_still(rgb: Bytes, scale: int, name: str, scene: str) -> Degraded:
    """One picture by the protocol of `stills`. Networks that see R'G'B' see what the literature's see."""
    still = Still.of(rgb, scale, scene)
    shown = np.ascontiguousarray(still.lr_rgb.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    truth, small = (Clip(y[None], u[None], v[None]) for y, u, v in (yuv420(still.hr_rgb), still.lr_420))
    return Degraded(name, truth, small, 0.0, 0.0, shown, 0.0, scale, still)


def motion_blur(clip: Clip, rng: np.random.Generator, length: float, name: str = "") -> Degraded:
    """A camera that moves by `length` pixels, in a direction that is the clip's own, while a frame is exposed."""
    truth, blurred = blurs.again(clip), blurs.line(clip, length, float(rng.uniform(0, np.pi)))
    return Degraded(name, truth, blurred, 0.0, 0.0)


def long_exposure(clip: Clip, rng: np.random.Generator, name: str = "") -> Degraded:
    """Each frame is the mean of the pictures between its neighbours and itself: what moves is blurred, as it moves."""
    return Degraded(name, blurs.again(clip), blurs.exposure(clip), 0.0, 0.0)


def soft_optics(clip: Clip, rng: np.random.Generator, name: str = "") -> Degraded:
    """A lens that is not sharp. It is the truth itself: footage that is soft by nature is to be left as it is."""
    soft = blurs.optics(clip, float(rng.uniform(0.8, 1.6)))
    return Degraded(name, soft, soft, 0.0, 0.0)


def soft_enlarged(clip: Clip, rng: np.random.Generator, name: str = "") -> Degraded:
    """Half the resolution in a picture of full size, as many recorders write it. It is the truth itself."""
    soft = enlarged(reduced(cropped(clip, 4), 2, area), 2)
    return Degraded(name, soft, soft, 0.0, 0.0)


def soft_coded(clip: Clip, rng: np.random.Generator, crf: int, name: str = "") -> Degraded:
    """A lens that is not sharp, then H.264. The truth is what the lens gave: nothing is to be sharpened."""
    soft = blurs.optics(clip, float(rng.uniform(0.8, 1.6)))
    coded = x264(soft, crf)
    return Degraded(name, soft, coded, *_told(soft, coded))


def driving(clip: Clip, rng: np.random.Generator, name: str = "") -> Degraded:
    """A dashcam: exposure blur, rolling shutter, headlights, weather and wet glass, a camera and its codec.

    The middle 416x240 of the clip. The truth has the same exposure, weather and look, as a denoiser's has.
    """
    moments = 5
    middle = clip.part(0, len(clip), (416, 240))
    light = np.concatenate(list(blurs.between(middle, moments)))
    found = degrade_driving(sensor.to_coded(light), rng, moments, Driving())
    truth, noisy = (
        Clip(to_codes(p.y * 255), *(to_codes(p.uv[..., i] * 255) for i in (0, 1))) for p in (found.clean, found.noisy)
    )
    return Degraded(name, truth, noisy, *_told(truth, noisy))


def x264(clip: Clip, crf: int) -> Clip:
    """Encode and decode in memory, with one thread: their number would change the result."""
    return _through(clip, "libx264", "h264", {"crf": str(crf), "x264-params": repeatable_x264_params()})


def x265(clip: Clip, crf: int) -> Clip:
    """As `x264`, for H.265. Pictures under 64 pixels on a side are refused by x265."""
    quiet = "pools=none:frame-threads=1:info=0:log-level=none"
    return _through(clip, "libx265", "hevc", {"crf": str(crf), "x265-params": quiet})


ENCODERS: Mapping[str, Callable[[Clip, int], Clip]] = {"x264": x264, "x265": x265}


def _through(clip: Clip, codec: str, decoder_name: str, options: dict[str, str]) -> Clip:
    width, height = clip.size
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.thread_count = Fraction(1, 25), Fraction(25), 1
    encoder.options = {"preset": "medium", **options}
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(decoder_name, "r"))
    packets = []
    for t in range(len(clip)):
        flat = np.frombuffer(clip.part(t, 1).raw(), np.uint8).reshape(height * 3 // 2, width)
        frame = av.VideoFrame.from_ndarray(flat, format="yuv420p")
        frame.pts, frame.time_base = t, Fraction(1, 25)
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = [f for p in packets for f in decoder.decode(p)] + list(decoder.decode(None))
    return Clip.from_raw(b"".join(f.to_ndarray().tobytes() for f in frames), width, height)


def _told(truth: Clip, noisy: Clip) -> tuple[float, float]:
    """Root mean squares of what was done to luma and chroma, codes."""

    def square(name: str) -> float:
        error = getattr(noisy, name).astype(np.float32) - getattr(truth, name)
        return float(np.mean(error**2))

    return round(square("y") ** 0.5, 2), round(((square("u") + square("v")) / 2) ** 0.5, 2)


def clean(clip: Clip, rng: np.random.Generator, name: str = "") -> Degraded:
    """No degradation: shows what a filter does to a clean clip."""
    return Degraded(name, clip, clip, 0.0, 0.0)


# Shot noise: the middle of what Brooks et al. 2019 draw from for `day`, its upper end for `night`.
SUITES: Mapping[str, Callable[..., Degraded]] = {
    "clean": clean,
    **{f"gaussian-{sigma}": partial(gaussian, sigma=sigma) for sigma in (10, 20, 30)},
    **{f"gaussian-rgb-{sigma}": partial(gaussian_rgb, sigma=sigma) for sigma in (20, 30)},
    "sensor-day": partial(sensor_isp, shot=0.003),
    "sensor-night": partial(sensor_isp, shot=0.012),
    "codec": partial(codec, sigma=12, crf=30),
    **{f"x264-{crf}": partial(artifacts, codec="x264", crf=crf) for crf in (28, 32, 36, 40)},
    **{f"x265-{crf}": partial(artifacts, codec="x265", crf=crf) for crf in (28, 34)},
    "transcoded": partial(transcoded, crf=34),
    **{f"sr-x{scale}": partial(smaller, scale=scale) for scale in (2, 4)},
    "sr-area-x2": partial(smaller, scale=2, kernel=area),
    "sr-coded": partial(smaller_coded, scale=2, sigma=3, crf=28),
    **{f"motion-blur-{length}": partial(motion_blur, length=length) for length in (4, 8, 14)},
    "motion-blur-frames": long_exposure,
    "soft-optics": soft_optics,
    "soft-enlarged": soft_enlarged,
    "soft-coded": partial(soft_coded, crf=28),
    "driving": driving,
}

# Names for several at once. What a sharpener must leave alone is what is soft by nature; `clean` is what is sharp.
GROUPS: Mapping[str, Sequence[str]] = {
    "artifacts": ("x264-28", "x264-32", "x264-36", "x264-40", "x265-28", "x265-34", "transcoded"),
    "sr": ("sr-x2", "sr-x4", "sr-area-x2", "sr-coded"),
    "motion-blur": ("motion-blur-4", "motion-blur-8", "motion-blur-14", "motion-blur-frames"),
    "soft": ("soft-optics", "soft-enlarged", "soft-coded", "clean"),
}

_STILLS = {"sr-x2": 2, "sr-x4": 4}


def degrade(suite: str, scene: str, clip: Clip) -> Degraded:
    """Suite `suite` on the clip of scene `scene`. Raises UnknownName."""
    check(suite)
    return SUITES[suite](clip, np.random.default_rng(zlib.crc32(f"{scene}/{suite}".encode())), name=suite)


def degrade_still(suite: str, name: str, rgb: Bytes) -> Degraded:
    """Suite `suite` on one picture, R'G'B' (H, W, 3) uint8: of `sr-x2` and `sr-x4` the literature's protocol.

    Any other sees a clip of one frame. Raises UnknownName, InputError when the picture is too small.
    """
    if suite in _STILLS:
        return smaller_still(rgb, _STILLS[suite], suite, name)
    planes = yuv420(modcrop(rgb, 2))
    return degrade(suite, name, Clip(*(plane[None] for plane in planes)))


def expand(names: Iterable[str]) -> list[str]:
    """The suites of these names, those of a group in its place, each once. Raises UnknownName."""
    found = [suite for name in names for suite in GROUPS.get(name, (name,))]
    for suite in found:
        check(suite)
    return list(dict.fromkeys(found))


def check(suite: str) -> None:
    """Raise UnknownName unless there is a suite of that name."""
    if suite not in SUITES:
        raise UnknownName(f"no suite {suite!r}; there are: {', '.join(SUITES)}; and for several: {', '.join(GROUPS)}")
