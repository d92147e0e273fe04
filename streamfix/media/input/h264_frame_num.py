"""Finds missing frames of H.264 by their `frame_num`: libav's RTP demuxer does not report lost packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av

_HEADER = 96  # bytes of a NAL unit that hold everything that is read here
_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8
# Profiles whose parameter sets describe chroma (ITU-T H.264, 7.3.2.1.1).
_HIGH = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135}


@dataclass(frozen=True, slots=True)
class _Sps:
    """Of a sequence parameter set: the bits of frame_num, whether gaps are allowed, separate colour planes."""

    bits: int
    gaps_allowed: bool
    separate_planes: bool


class FrameNumChecker:
    """Follows `frame_num`, which counts reference pictures (ITU-T H.264, 7.4.3).

    extradata: parameter sets known beforehand, with start codes; those without are ignored.
    """

    def __init__(self, extradata: bytes | None) -> None:
        self._sps: dict[int, _Sps] = {}
        self._pps: dict[int, int] = {}  # the sequence parameter set of each
        self._last: int | None = None  # frame_num of the last reference picture
        self._gap_after(extradata or b"")

    def gap_before(self, packet: av.Packet[Any]) -> bool:
        """True if a reference picture is missing before this packet."""
        return self._gap_after(bytes(packet))

    def restart(self) -> None:
        """Forget the last number: the next packet does not continue the stream."""
        self._last = None

    def _gap_after(self, data: bytes) -> bool:
        begin = data.find(b"\0\0\1")
        while begin >= 0:
            nal = data[begin + 3 : begin + 3 + _HEADER]
            kind = nal[0] & 31 if nal else 0
            try:
                if kind in (_SLICE, _IDR):
                    return self._picture(nal, kind)  # all slices of a picture say the same
                if kind == _SPS:
                    self._read_sps(nal)
                elif kind == _PPS:
                    bits = _Bits(nal[1:])
                    self._pps[bits.ue()] = bits.ue()
            except EOFError:
                return False  # cut short; the decoder will report it
            begin = data.find(b"\0\0\1", begin + 3)
        return False

    def _picture(self, nal: bytes, kind: int) -> bool:
        bits = _Bits(nal[1:])
        bits.ue()  # first_mb_in_slice
        bits.ue()  # slice_type
        sps = self._sps.get(self._pps.get(bits.ue(), -1))
        if sps is None:
            return False
        if sps.separate_planes:
            bits.u(2)
        number, last = bits.u(sps.bits), self._last
        if nal[0] & 0x60:  # nal_ref_idc: this is a reference picture
            self._last = number
        # The second field of a frame has the same number again.
        gap = last is not None and number not in (last, (last + 1) % (1 << sps.bits))
        return kind != _IDR and gap and not sps.gaps_allowed

    def _read_sps(self, nal: bytes) -> None:
        bits = _Bits(nal[1:])
        profile = bits.u(8)
        bits.u(16)
        number, separate = bits.ue(), False
        if profile in _HIGH:
            chroma = bits.ue()
            separate = chroma == 3 and bool(bits.u(1))
            bits.ue()
            bits.ue()
            bits.u(1)
            if bits.u(1):
                for i in range(12 if chroma == 3 else 8):
                    if bits.u(1):
                        _skip_scaling_list(bits, 16 if i < 6 else 64)
        frame_num_bits = bits.ue() + 4
        order = bits.ue()
        if order == 0:
            bits.ue()
        elif order == 1:
            bits.u(1)
            bits.ue()
            bits.ue()
            for _ in range(bits.ue()):
                bits.ue()
        bits.ue()  # max_num_ref_frames
        self._sps[number] = _Sps(frame_num_bits, bool(bits.u(1)), separate)


class _Bits:
    """Reads a NAL unit's payload. Raises EOFError at its end."""

    def __init__(self, payload: bytes) -> None:
        raw = payload.replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(raw, "big"), 8 * len(raw)

    def u(self, count: int) -> int:
        """The next bits as a number."""
        if count > self._left:
            raise EOFError
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """The next number in Exp-Golomb code (ITU-T H.264, 9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            code = bits.ue()
            delta = (code + 1) // 2 if code % 2 else -(code // 2)
            following = (last + delta) % 256
        last = following or last
