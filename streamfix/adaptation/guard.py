"""Whether a network may learn from footage, and from which pairs of its frames; refused with the reason otherwise."""

from __future__ import annotations

from ..errors import InputError
from .footage import Footage
from .freshness import FAR, FRESH, STALE, Freshness, freshness

_BLOCKY = 0.15 / 255  # block edges as high as JPEG's of low quality: their noise is new in each frame, but not noise
_QUIET = 1.5 / 255  # noise that `denoise` leaves alone, and of which nothing can be learnt


def lag(footage: Footage, shown: str) -> tuple[int, Freshness]:
    """How many frames lie between those of a pair, and the noise that was found. Raises InputError.

    shown: the input's name, for messages.
    """
    lumas = footage.lumas()
    near = freshness(lumas)
    if not near.known:
        raise InputError(
            f"{shown}: too little of the picture stands still over {FAR} frames, so that nobody can tell whether its "
            "noise is new in each frame; take a fixed camera, or a part of the recording where it rests"
        )
    if footage.blockiness > _BLOCKY:
        raise InputError(
            f"{shown}: edges of blocks stand {footage.blockiness * 255:.2f} codes high: what changes from frame to "
            "frame is the codec's error, which must not be learnt; record at a higher quality"
        )
    if near.sigma < _QUIET:
        raise InputError(
            f"{shown}: its noise is {near.sigma * 255:.1f} codes, from which nothing can be learnt; `denoise` as it is "
            "serves it"
        )
    if near.ratio >= FRESH:
        return 1, near
    if near.ratio < STALE:
        raise InputError(
            f"{shown}: only {near.ratio:.0%} of the noise is new in each frame, the rest is copied from the frame "
            f"before by its codec ({STALE:.0%} at least are needed); record at a lower crf or a higher bit rate"
        )
    gop = footage.gop
    if gop is None or 3 * gop > len(footage.frames):
        have = "only one keyframe was seen" if gop is None else f"its keyframes are {gop} frames apart"
        raise InputError(
            f"{shown}: {near.ratio:.0%} of the noise is new in each frame, so frames a whole group of pictures apart "
            f"have to be compared; {have}: read more with --frames {3 * (gop or len(footage.frames))}, or record at a "
            f"higher quality ({FRESH:.0%} suffice without)"
        )
    apart = freshness(lumas, gop, 2 * gop)
    if not apart.known or apart.ratio < FRESH:
        found = f"{apart.ratio:.0%} of the noise" if apart.known else "nobody can tell how much of the noise"
        raise InputError(
            f"{shown}: even {gop} frames apart, a whole group of pictures, {found} is new; record at a higher quality"
        )
    return gop, apart
