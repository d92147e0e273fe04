"""Denoisers of others, each run at the parameters that suit it best: ffmpeg's filters, VapourSynth's, networks."""

from .base import Axis, Peer, PeerError, PeerResult
from .catalogue import CLASSICAL, DEBLOCKERS, NAMES, classical, make
from .vapoursynth import PYTHON as VS_PYTHON

__all__ = [
    "CLASSICAL",
    "DEBLOCKERS",
    "NAMES",
    "VS_PYTHON",
    "Axis",
    "Peer",
    "PeerError",
    "PeerResult",
    "classical",
    "make",
]
