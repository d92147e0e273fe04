"""From which packet a decoded frame came: when that arrived, and whether the frame can be trusted."""

from __future__ import annotations

from collections import OrderedDict

_IN_DECODER = 64  # packets that a decoder holds at most: 16 pictures of reordering, and some threads


class Damage:
    """Follows packets into the decoder and frames out of it, in their different orders.

    A frame is sound if a keyframe of its own or an earlier one came out whole, and no packet was damaged
    from that keyframe's on to its own, in the order of decoding. What comes before the first keyframe is not.

    flags_lag: libav's mark of a damaged packet may be meant for the one after it, see `VideoDecoder`.
    """

    def __init__(self, *, flags_lag: bool = False) -> None:
        self._flags_lag = flags_lag
        self._number = 0
        self._entered: OrderedDict[int, tuple[int, float | None]] = OrderedDict()  # by pts
        self._last: tuple[int, float | None] = (0, None)
        self._clean_from: int | None = None  # number of the last keyframe that came out whole
        self._bad: set[int] = set()  # numbers of damaged packets after it

    def packet(self, pts: int | None, arrived_s: float | None = None) -> None:
        """A packet is about to be decoded. arrived_s: `time.monotonic()`, None where it does not matter."""
        self._number += 1
        self._last = (self._number, arrived_s)
        if pts is not None:
            self._entered[pts] = self._last
            if len(self._entered) > _IN_DECODER:
                self._entered.popitem(last=False)

    def packet_is_bad(self, *, flagged: bool = False) -> None:
        """The packet that was entered last is damaged, or one before it is missing. flagged: libav's mark says so."""
        self._bad.add(self._number)
        if flagged and self._flags_lag:
            self._bad.add(self._number + 1)

    def restart(self) -> None:
        """What follows does not continue what came before."""
        self._clean_from = None
        self._bad.clear()
        self._entered.clear()

    def frame(self, pts: int | None, *, key: bool, corrupt: bool) -> tuple[bool, float | None]:
        """Whether the next frame is damaged, and when its packet arrived."""
        number, arrived_s = self._last if pts is None else self._entered.pop(pts, self._last)
        if corrupt:
            self._bad.add(number)
        elif key and number not in self._bad:
            self._clean_from = number
            self._bad = {bad for bad in self._bad if bad > number}
        sound = self._clean_from is not None and not any(bad <= number for bad in self._bad)
        return not sound, arrived_s
