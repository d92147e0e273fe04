"""The peers by name, as the command line has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...errors import BadOption, UnknownName
from . import ffmpeg, ncnn, scalers, vapoursynth
from .base import Peer, PeerError

CLASSICAL = ("hqdn3d", "atadenoise", "nlmeans", "degrain3", "nlmeans-vs")
#: Deblockers, which say nothing where the noise of a camera is meant.
DEBLOCKERS = ("ffmpeg-deblock", "pp")
#: What enlarges, for the suites `sr-*`; and what sharpens, there and for those of blur.
SCALERS = ("bicubic", "lanczos")
SHARPENERS = ("unsharp", "cas")
VAPOURSYNTH = ("degrain3", "nlmeans-vs")
WEIGHTS = ("model=FILE", "ncnn=FILE.param", "fsrcnn=FILE.pb", "espcn=FILE.pb")
DENOISING_WEIGHTS = ("fastdvdnet=FILE", "dvdnet=SPATIAL:TEMPORAL")
NAMES = (*CLASSICAL, *DEBLOCKERS, *SCALERS, *SHARPENERS, *WEIGHTS, *DENOISING_WEIGHTS)


def classical(vs_python: str | None = None) -> tuple[Sequence[str], str]:
    """The names of all that need no weights and run here, and why the others do not: VapourSynth may be missing."""
    try:
        vapoursynth.version(vapoursynth.interpreter(vs_python))
    except PeerError as error:
        return tuple(name for name in CLASSICAL if name not in VAPOURSYNTH), str(error)
    return CLASSICAL, ""


def make(text: str, *, threads: int = 1, vs_python: str | None = None) -> Peer:
    """The peer that `text` names: a classical filter, or a network with its weights file(s).

    threads: of each. vs_python: an interpreter that has VapourSynth.
    Raises UnknownName, BadOption when weights are not named, PeerMissing when a library that need not be there is not,
    PeerError when its program or weights are missing.
    """
    name, _, weights = text.partition("=")
    classical: Mapping[str, Callable[[], Peer]] = {
        "hqdn3d": lambda: ffmpeg.Hqdn3d(threads),
        "atadenoise": lambda: ffmpeg.Atadenoise(threads),
        "nlmeans": lambda: ffmpeg.Nlmeans(threads),
        "ffmpeg-deblock": lambda: ffmpeg.FfmpegDeblock(threads),
        "pp": lambda: ffmpeg.Postprocess(threads),
        "unsharp": lambda: ffmpeg.Unsharp(threads),
        "cas": lambda: ffmpeg.Cas(threads),
        "lanczos": lambda: ffmpeg.Lanczos(threads),
        "bicubic": scalers.Bicubic,
        "degrain3": lambda: vapoursynth.Degrain3(threads, vs_python),
        "nlmeans-vs": lambda: vapoursynth.NlmeansVs(threads, vs_python),
    }
    if name in classical:
        return classical[name]()
    if name not in {text.partition("=")[0] for text in (*WEIGHTS, *DENOISING_WEIGHTS)}:
        raise UnknownName(f"no peer {text!r}; there are: {', '.join(NAMES)}")
    if not weights:
        raise BadOption(f"peer {name}: name its weights, as in {next(n for n in NAMES if n.startswith(f'{name}='))}")
    if name in ("fsrcnn", "espcn"):
        return scalers.DnnSuperres(name, Path(weights))
    if name == "ncnn":
        return ncnn.NcnnPeer(Path(weights))
    from . import networks

    if name == "model":
        return networks.ImageNetworkPeer(Path(weights))
    if name == "fastdvdnet":
        return networks.fast_dvdnet(Path(weights))
    spatial, colon, temporal = weights.partition(":")
    if not colon:
        raise BadOption(f"peer dvdnet={weights}: two files are needed, dvdnet=SPATIAL:TEMPORAL")
    return networks.dvdnet(Path(spatial), Path(temporal))
