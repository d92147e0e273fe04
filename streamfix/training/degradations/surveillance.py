"""Surveillance footage: weather and infrared light, a sensor and its processing, text, and a codec."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..planes420 import Planes420, quantise, to_planes
from . import isp, sensor, weather
from .codec import Coding, code_clip, code_clip_to_rate
from .infrared import Infrared
from .overlay import Overlay
from .sensor import CameraModel, SensorNoise

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A clip as recorded, and as a perfect denoiser would give it back.

    noisy: 8-bit codes / 255. clean: the same scene with the same exposure, weather and look, not rounded.
    description: what was done, by name; numbers, strings and dictionaries of them.
    """

    noisy: Planes420
    clean: Planes420
    description: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CodecShares:
    """How clips are encoded. coded: share of the clips that are encoded; the others are shares of those.

    x265, old (MPEG-4 and MJPEG): the rest is x264. twice: encoded once more, as recorders do. rate: coded to a bit
    rate rather than at a constant rate factor.
    """

    coded: float = 0.90
    x265: float = 0.25
    old: float = 0.10
    twice: float = 0.20
    rate: float = 0.30

    def __call__(self, planes: Planes420, rng: np.random.Generator) -> tuple[Planes420, list[dict[str, Any]]]:
        """The clip after none, one or two codecs, and what each of them did."""
        done: list[dict[str, Any]] = []
        for _ in range(1 + int(rng.random() < self.twice) if rng.random() < self.coded else 0):
            planes, how = self._once(planes, rng)
            done.append(how)
        return planes, done

    def _once(self, planes: Planes420, rng: np.random.Generator) -> tuple[Planes420, dict[str, Any]]:
        kind, gop = rng.random(), int(rng.integers(12, 101))
        if kind < self.old:
            old = Coding("mpeg4" if rng.random() < 0.5 else "mjpeg", float(rng.integers(3, 16)), gop)
            coded = code_clip(planes, old)
        else:
            h265 = kind < self.old + self.x265
            preset = "ultrafast" if h265 or rng.random() < 0.3 else "veryfast"
            bframes = int(rng.choice((0, 2))) if rng.random() < 0.4 else 0
            coding = Coding("libx265" if h265 else "libx264", round(rng.uniform(23, 40), 1), gop, preset, bframes)
            if rng.random() < self.rate:
                wanted = float(np.exp(rng.uniform(np.log(0.02), np.log(0.12))))
                coded = code_clip_to_rate(planes, wanted, coding)
            else:
                coded = code_clip(planes, coding)
        return coded.planes, {**asdict(coded.coding), "bits_per_pixel": coded.size * 8 / planes.y.size}


@dataclass(frozen=True, slots=True)
class Surveillance:
    """How often each thing happens to a clip.

    exposure: bounds of the light on the sensor, drawn uniformly; at 1 white saturates. shot: bounds of the shot noise.
    target: "scene", what a perfect camera would have recorded; or "developed", what this camera records without noise,
    with the blur and the false colours of its demosaicking and with its sharpening.
    """

    exposure: tuple[float, float] = (0.05, 1.0)
    shot: tuple[float, float] = (1e-4, 0.012)
    sharpen: float = 0.6
    soft_chroma: float = 0.2
    smear: float = 0.30
    infrared: float = 0.25
    weather: float = 0.20
    overlay: float = 0.15
    codec: CodecShares = CodecShares()
    target: Literal["scene", "developed"] = "scene"


def degrade_surveillance(clip: Floats, rng: np.random.Generator, shares: Surveillance | None = None) -> Recorded:
    """Degrade R'G'B' (T, H, W, 3) in [0, 1], H and W even.

    Fog, rain and the illuminator's light are applied to the scene, before the sensor's noise: light passes them first.
    """
    shares = shares or Surveillance()
    infrared = Infrared.draw(rng) if rng.random() < shares.infrared else None
    camera = CameraModel.draw(rng, infrared is not None)
    about: dict[str, Any] = {"infrared": asdict(infrared) if infrared else None}
    scene = sensor.to_linear(clip, camera.tone)
    if rng.random() < shares.weather:
        scene, about["weather"] = bad_weather(scene, rng)
    if infrared:
        scene = infrared(scene)
    noisy, clean = record(scene, camera, rng, shares, about)
    if rng.random() < shares.overlay:
        overlay = Overlay.draw(rng, clip.shape[1:3])
        noisy, clean = quantise(overlay.burn(noisy)), overlay.burn(clean)
        about["overlay"] = asdict(overlay)
    noisy, about["codec"] = shares.codec(noisy, rng)
    return Recorded(noisy, clean, about)


def bad_weather(scene: Floats, rng: np.random.Generator) -> tuple[Floats, str]:
    """Fog, rain or drops on the lens, and its name. scene: linear light (T, H, W, 3)."""
    size = scene.shape[1:3]
    kind = rng.choice(("fog", "rain", "rain in fog", "drops"), p=(0.35, 0.3, 0.15, 0.2))
    if "fog" in kind:
        density = float(np.exp(rng.uniform(np.log(0.3), np.log(3))))
        airlight = np.asarray(rng.uniform(0.3, 0.9) * rng.uniform(0.92, 1.0, 3), np.float32)
        scene = weather.fog(scene, weather.transmission(weather.depth(size, rng), density), airlight)
    if "rain" in kind:
        scene = weather.rain(scene, weather.draw_rain(rng), rng)
    if kind == "drops":
        scene = weather.look_through(scene, weather.draw_drops(size, rng))
    return scene, str(kind)


def record(
    scene: Floats,
    camera: CameraModel,
    rng: np.random.Generator,
    shares: Surveillance,
    about: dict[str, Any],
    target: Floats | None = None,
) -> tuple[Planes420, Planes420]:
    """What the camera makes of linear light (T, H, W, 3), noisy in 8 bits and clean; what it did is added to `about`.

    target: the scene that the clean clip shows, where it is another one.
    """
    target = scene if target is None else target
    exposure = float(rng.uniform(*shares.exposure))
    # Automatic gain makes up for a part of the missing light, at times for a little too much.
    gain = exposure ** -rng.uniform(0, 0.8) * (rng.uniform(1, 1.4) if rng.random() < 0.2 else 1.0)
    noise = SensorNoise.draw(rng, *shares.shot)
    about.update(exposure=exposure, gain=float(gain), noise=asdict(noise), tone=camera.tone)
    raw = sensor.mosaic(scene * np.float32(exposure), camera)
    np.minimum(raw, 1, out=raw)
    noisy = to_planes(isp.develop(sensor.add_noise(raw, noise, rng), camera, gain))
    if shares.target == "developed":
        perfect = raw if target is scene else sensor.mosaic(target * np.float32(exposure), camera)
        clean = to_planes(isp.develop(np.minimum(perfect, 1), camera, gain))
    else:
        clean = to_planes(isp.from_linear(target, camera.tone, exposure * gain))
    if rng.random() < shares.soft_chroma:
        about["soft_chroma"] = radius = float(rng.uniform(0.5, 1.5))
        noisy = isp.soften_chroma(noisy, radius)
        clean = isp.soften_chroma(clean, radius) if shares.target == "developed" else clean
    if rng.random() < shares.sharpen:
        about["sharpen"] = amount, radius = float(rng.uniform(0.1, 1.2)), float(rng.uniform(0.6, 1.5))
        noisy = isp.sharpen(noisy, amount, radius)
        clean = isp.sharpen(clean, amount, radius) if shares.target == "developed" else clean
    noisy = quantise(noisy)
    if rng.random() < shares.smear:
        about["smear"] = memory = float(rng.uniform(0.2, 0.7))
        noisy = quantise(isp.smear(noisy, memory))
    return noisy, clean
