"""Which frames are damaged, and when the packet of each arrived."""

from __future__ import annotations

from collections import OrderedDict

_IN_DECODER = 64  # packets that a decoder holds at most: 16 frames of reordering, and one for each thread


class Damage:
    """Matches the frames that leave a decoder with the packets that went in, whose order differs.

    A frame is sound if a keyframe, it or an earlier one, was decoded whole, and no packet from that keyframe's to its
    own was damaged, in decoding order. Frames before the first keyframe are damaged.

    flags_lag: libav may mark the packet before the damaged one, see `VideoDecoder`.
    """

    def __init__(self, *, flags_lag: bool = False) -> None:
        self._flags_lag = flags_lag
        self._number = 0
        self._entered: OrderedDict[int, tuple[int, float | None]] = OrderedDict()  # by pts
        self._last: tuple[int, float | None] = (0, None)
        self._clean_from: int | None = None  # number of the last keyframe that came out whole
        self._bad: set[int] = set()  # numbers of damaged packets after it

    def packet(self, pts: int | None, arrived_s: float | None = None) -> None:
        """Note a packet that is about to be decoded. arrived_s: by `time.monotonic()`, None if it does not matter."""
        self._number += 1
        self._last = (self._number, arrived_s)
        if pts is not None:
            self._entered[pts] = self._last
            if len(self._entered) > _IN_DECODER:
                self._entered.popitem(last=False)

    def packet_is_bad(self, *, flagged: bool = False) -> None:
        """Note that the last packet is damaged, or that one before it is missing. flagged: libav marked it."""
        self._bad.add(self._number)
        if flagged and self._flags_lag:
            self._bad.add(self._number + 1)

    def restart(self) -> None:
        """Forget what came before: the next packet does not continue it."""
        self._clean_from = None
        self._bad.clear()
        self._entered.clear()

    def frame(self, pts: int | None, *, key: bool, corrupt: bool) -> tuple[bool, float | None]:
        """(damaged, arrived_s) of the next frame that leaves the decoder."""
        number, arrived_s = self._last if pts is None else self._entered.pop(pts, self._last)
        if corrupt:
            self._bad.add(number)
        elif key and number not in self._bad:
            self._clean_from = number
            self._bad = {bad for bad in self._bad if bad > number}
        sound = self._clean_from is not None and not any(bad <= number for bad in self._bad)
        return not sound, arrived_s
