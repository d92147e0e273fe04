"""Filters of others, each run at the parameters that suit it best: ffmpeg's, VapourSynth's, scalers, networks."""

from .base import Axis, Peer, PeerError, PeerMissing, PeerResult, PeerUnfit, restored_by
from .catalogue import CLASSICAL, DEBLOCKERS, NAMES, SCALERS, SHARPENERS, classical, make
from .vapoursynth import PYTHON as VS_PYTHON

__all__ = [
    "CLASSICAL",
    "DEBLOCKERS",
    "NAMES",
    "SCALERS",
    "SHARPENERS",
    "VS_PYTHON",
    "Axis",
    "Peer",
    "PeerError",
    "PeerMissing",
    "PeerResult",
    "PeerUnfit",
    "classical",
    "make",
    "restored_by",
]
