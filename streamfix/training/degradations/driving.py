"""Driving footage: exposure blur, a rolling shutter, headlights, wet glass and wipers, then a camera and a codec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import blur, sensor, weather
from .sensor import CameraModel
from .surveillance import CodecShares, Recorded, Surveillance, bad_weather, record

Floats: TypeAlias = NDArray[np.float32]


_DASHCAM = Surveillance(exposure=(0.1, 1.0), smear=0.1, infrared=0.0, codec=CodecShares(x265=0.25, old=0.03, twice=0.1))


@dataclass(frozen=True, slots=True)
class Driving:
    """How often each thing happens to a clip.

    camera: sensor, processing and codec. exposed: bounds of the shutter's share of a frame's time.
    blurred_target: the clean clip keeps the blur of exposure, as a denoiser's target does; else its frames are sharp,
    each the scene at the middle of its exposure, as a deblurrer's target is.
    """

    camera: Surveillance = _DASHCAM
    exposed: tuple[float, float] = (0.2, 1.0)
    rolling: float = 0.5
    glare: float = 0.25
    wet: float = 0.2
    wipers: float = 0.4
    weather: float = 0.15
    blurred_target: bool = True


def degrade_driving(
    clip: Floats, rng: np.random.Generator, per_frame: int = 1, shares: Driving | None = None
) -> Recorded:
    """Degrade R'G'B' (T * per_frame, H, W, 3) in [0, 1], H and W even: `per_frame` moments to each frame of the result.

    Between 5 and 25 moments make the blur of a real exposure; 1 leaves the clip as sharp as it is.
    wipers: of those with wet glass. Raises ValueError where the moments do not divide into frames.
    """
    shares = shares or Driving()
    camera = CameraModel.draw(rng)
    about: dict[str, Any] = {}
    moments = sensor.to_linear(clip, camera.tone)
    exposed = max(1, round(rng.uniform(*shares.exposed) * per_frame))
    readout = float(rng.uniform(0.2, 0.9)) if per_frame > 1 and rng.random() < shares.rolling else 0.0
    about.update(exposed=exposed, per_frame=per_frame, readout=readout)
    if readout:
        scene = blur.rolling_shutter(moments, per_frame, exposed, readout)
        sharp = blur.rolling_shutter(moments, per_frame, 1, readout)
    else:
        scene, sharp = blur.mean_frames(moments, per_frame, exposed), blur.mean_frames(moments, per_frame, 1)
    seed = int(rng.integers(2**63))
    scene = _before_lens(scene, np.random.default_rng(seed), shares, about)
    target = None if shares.blurred_target else _before_lens(sharp, np.random.default_rng(seed), shares, {})
    noisy, clean = record(scene, camera, rng, shares.camera, about, target)
    noisy, about["codec"] = shares.camera.codec(noisy, rng)
    return Recorded(noisy, clean, about)


def _before_lens(scene: Floats, rng: np.random.Generator, shares: Driving, about: dict[str, Any]) -> Floats:
    """Linear light (T, H, W, 3) with weather, oncoming headlights and what is on the windscreen."""
    T, H, W, _ = scene.shape
    if rng.random() < shares.weather:
        scene, about["weather"] = bad_weather(scene, rng)
    if rng.random() < shares.glare:
        way = np.linspace(0, 1, T)[:, None] ** 2  # what comes nearer leaves the picture faster and faster
        start, end = rng.uniform((0.3, 0.3), (0.7, 0.7)), rng.uniform((-0.3, 0.4), (1.3, 1.0))
        centres = np.asarray((start + way * (end - start)) * (W, H), np.float32)
        colour = np.asarray(rng.uniform(0.3, 2.5) * np.array([1, rng.uniform(0.8, 1), rng.uniform(0.6, 1)]), np.float32)
        scene = blur.glare(scene, centres, colour, float(rng.uniform(0.02, 0.08) * W))
        about["glare"] = centres[0].tolist()
    if rng.random() < shares.wet:
        wiper = weather.draw_wiper(T, rng) if rng.random() < shares.wipers else None
        wet = weather.wet(wiper, (H, W)) if wiper else None
        scene = weather.look_through(scene, weather.draw_drops((H, W), rng), wet)
        scene = weather.wipe(scene, wiper) if wiper else scene
        about["wet"] = "wiped" if wiper else "drops"
    return scene
