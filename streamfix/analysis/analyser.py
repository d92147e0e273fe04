"""All measures of one stream, taken as its frames come."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from .. import motion
from ..fusion import Floats, Noise, NoiseEstimator, shrink
from .blockiness import BlockGrid
from .blur import blur_radius
from .findings import Findings
from .interlacing import Interlacing
from .light import Light, light
from .repeats import Repeats
from .resolution import TrueResolution

_WARM_UP = 8  # first frames, which are all measured; after them every _STRIDE-th
_STRIDE = 8
_BLUR_STRIDE = 64  # blur costs more than all else together, and changes least
_BLURS = 5  # values of the blur of which the middle one counts
_STANDS_STILL = 0.35  # median motion in half-size pixels, as the fuser has it; noise alone produces about 0.2


class Analyser:
    """Measures one stream: its first frames at once, then every eighth. Not thread-safe.

    With the first frame there is a finding; noise, interlacing and repeats need some more. 2.5 ms a frame at 640x360
    once the first eight are over.
    """

    def __init__(self) -> None:
        self._frames = 0
        self._size = (0, 0)
        self._before: Floats | None = None
        self._noise = Noise(0.0, 0.0)
        self._quantisers: deque[float] = deque(maxlen=_STRIDE * _STRIDE)
        self._flow = motion.FlowEstimator(finest=1)
        self._restart()

    def _restart(self) -> None:
        self._estimate = NoiseEstimator()
        self._grid, self._resolution = BlockGrid(), TrueResolution()
        self._interlacing, self._repeats = Interlacing(), Repeats()
        self._light = Light(0.0, 0.0, 0.0)
        self._blurs: deque[float | None] = deque(maxlen=_BLURS)

    def add(self, luma: Floats, chroma: Floats, quantiser: float | None = None) -> None:
        """Take the next frame in. luma: (H, W), chroma: (h, w, 2), in [0, 1]; both are kept, not copied.

        quantiser: the frame's mean QP, where the codec tells it.
        """
        h, w = luma.shape
        if (w, h) != self._size:
            self._size, self._before, self._frames = (w, h), None, 0
            self._restart()
        number, before = self._frames, self._before
        self._frames, self._before = number + 1, luma
        if quantiser is not None:
            self._quantisers.append(quantiser)
        due = number < _WARM_UP or number % _STRIDE == 0  # the noise estimator's schedule too
        self._noise = self._estimate(luma, chroma, due and before is not None and self._stands(luma, before))
        if before is not None:
            self._repeats.add(luma, before)
        if not due:
            return
        self._grid.add(luma)
        self._resolution.add(luma)
        self._light = light(luma)
        if before is not None:
            self._interlacing.add(luma, before, self._noise.luma)
        if number % _BLUR_STRIDE == 0:
            self._blurs.append(blur_radius(luma))

    @property
    def findings(self) -> Findings:
        """What is known so far."""
        blurs = [blur for blur in self._blurs if blur is not None]
        return Findings(
            self._frames,
            *self._size,
            noise=self._noise,
            blocks=self._grid.found,
            light=self._light,
            blur=float(np.median(blurs)) if blurs else None,
            content=self._resolution.share(self._noise.luma),
            combing=self._interlacing.combing,
            interlaced=self._interlacing.found,
            repeated=self._repeats.share,
            cadence=self._repeats.cadence,
            quantiser=float(np.mean(self._quantisers)) if self._quantisers else None,
        )

    def _stands(self, luma: Floats, before: Floats) -> bool:
        """Whether most of the picture stands still."""
        h, w = (max(side // 2, 1) for side in luma.shape)
        now, then = (np.asarray(cv2.GaussianBlur(shrink(of, h, w), (0, 0), 0.5), np.float32) for of in (luma, before))
        return motion.typical_motion(self._flow(now, then)) < _STANDS_STILL
