"""What is lost of a stream beside the restored video: counted, and told once with its number."""

from __future__ import annotations

import logging
from fractions import Fraction

from ..streams import MappedStream

log = logging.getLogger("streamfix.media")


class Losses:
    """Counts the packets of one stream that cannot be written. The picture goes on without them.

    live: the first is told at once, as there may be no end. count: packets lost so far; may be read from any thread.
    """

    def __init__(self, mapped: MappedStream, *, live: bool = False) -> None:
        self._mapped, self._live = mapped, live
        self.count = 0
        self._first = ""
        self._told = 0

    def lost(self, at_s: Fraction | None, reason: str) -> None:
        """Count a packet. at_s: its time, None if it has none. reason: why, as the end of a sentence."""
        self.count += 1
        if self.count > 1:
            return
        self._first = reason if at_s is None else f"at {float(at_s):.3f} s, {reason}"
        if self._live:
            self.tell()

    def tell(self) -> None:
        """Say how many packets were lost since this was last said, if any."""
        if self.count > self._told:
            if self.count == 1:
                log.warning("%s: 1 packet is left out: %s", self._mapped, self._first)
            else:
                log.warning("%s: %d packets are left out; the first: %s", self._mapped, self.count, self._first)
        self._told = self.count
