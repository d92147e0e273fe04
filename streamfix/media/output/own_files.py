"""Opens the files of an output in libav's place, where more is wanted than libav does.

A live recording must not wait for its disk. A segment must not replace an earlier one, whatever name the clock gives
it, and must say when it was begun. Neither must a part of a playlist that is named by the clock.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

from ..interruption import Interruption
from ..libav_errors import cannot_write
from ..transport.protocols import SEGMENT_FORMATS
from .disk import Disk, DiskFile, Room, create_beside
from .fragments import Fragments
from .muxer_options import MOV_LIKE
from .playlist_file import PlaylistFile, SegmentList, free_list
from .target import Target, file_of

_WRITES = 2  # AVIO_FLAG_WRITE


class OwnFiles:
    """The files of one output.

    options: the muxer's. room: of a live recording: how much may wait for the disk. taken_s: gives the Unix time that
    the header of the segment which begins at a time of the output is to say, None for what the muxer writes. aborted:
    setting it lets go of a disk that does not answer.

    whole: the output, if it is one file that we open. at_s: time of the packet that is being written, in seconds.
    """

    def __init__(
        self,
        target: Target,
        format: str,
        options: Mapping[str, str],
        *,
        room: Room | None,
        taken_s: Callable[[Fraction | None], float | None],
        aborted: Interruption | None,
    ) -> None:
        self._target, self._taken_s = target, taken_s
        self._list = self._reserved = ""  # of segments: its name; the same if that is ours to remove while it is empty
        self._wraps = options.get("segment_wrap", "0") != "0"
        self._segments: dict[str, list[DiskFile]] = {}  # by the name that libav wanted
        self._parts: dict[str, list[str]] = {}  # of a playlist: the files that were made, by the name that libav wanted
        self._disk: Disk | None = None
        self.whole: DiskFile | None = None
        self._names_parts = False
        self._fragmented = _is_fragmented(target.url, format, options)
        self._samples: Counter[int] = Counter()  # by track, of earlier files
        self._newest: DiskFile | None = None
        self.at_s: Fraction | None = None
        segments = format in SEGMENT_FORMATS and file_of(target.url) is not None
        if segments or (room is not None and target.is_whole):
            self._disk = Disk(target.shown, room or Room())
            self._take_list(options)
            if aborted is not None:
                aborted.calls(self._disk.abort)
            if not segments and target.path is not None:
                self.whole = self._with_fragments(self._disk.existing(target.path))
        else:
            self._names_parts = _names_parts(format, options)

    @property
    def io_open(self) -> Callable[[str, int, Mapping[str, str]], Any] | None:
        """PyAV's callback for the files that muxers open by themselves, None where libav opens them."""
        if self._disk is not None:
            return self._open
        return self._open_part if self._names_parts else None

    @property
    def on_disk(self) -> bool | None:
        """True once pictures have reached the disk, and nothing has failed since; None where libav writes."""
        return None if self._disk is None else self._disk.has_pictures and self._disk.error is None

    @property
    def has_pictures(self) -> bool:
        """False if no picture has reached the disk, as far as that is known."""
        return self._disk is None or self._disk.has_pictures

    def are_written(self) -> bool | None:
        """True if the system has taken all that libav has written; None where libav writes."""
        return None if self._disk is None else self._disk.is_written()

    def let_go(self, track: int) -> int | None:
        """How many samples of a track libav has let go of; None if it keeps none back, or nobody knows."""
        if not self._fragmented or self._newest is None or self._newest.fragments is None:
            return None
        return self._samples[track] + self._newest.fragments.samples[track]

    def check(self, place: str) -> None:
        """Raise OutputError if the disk has failed. place: where in the output, for the message."""
        if self._disk is not None and self._disk.error is not None:
            raise cannot_write(self._target.shown, place, self._disk.error) from self._disk.error

    def drain(self) -> None:
        """Wait until all is written. Raises OutputError."""
        if self._disk is not None:
            try:
                self._disk.drain()
            except OSError as error:
                raise cannot_write(self._target.shown, "", error) from error

    def close(self) -> None:
        """Wait until all is written, and leave the disk. Raises OutputError."""
        if self._disk is None:
            return
        try:
            if self.whole is not None:
                self.whole.close()
            self.drain()
        finally:
            self._disk.close()
            self._leave_list()

    def give_up(self) -> None:
        """Leave the disk without waiting for it."""
        if self._disk is not None:
            self._disk.close()
            self._leave_list()

    def _take_list(self, options: Mapping[str, str]) -> None:
        """Find a name for the list of segments: it replaces an older one as little as a segment does."""
        self._list = wanted = options.get("segment_list", "")
        self._playlist = options.get("segment_list_type", wanted.rpartition(".")[2].lower()) in ("m3u8", "hls")
        path = file_of(wanted) if wanted else None
        if path is None or self._target.overwrite or (os.path.exists(path) and not os.path.isfile(path)):
            return
        try:
            self._list = self._reserved = free_list(path)
        except OSError as error:
            raise cannot_write(wanted, "", error) from error

    def _leave_list(self) -> None:
        if self._reserved:
            with suppress(OSError):
                if not os.path.getsize(self._reserved):
                    os.remove(self._reserved)
            self._reserved = ""

    @property
    def options(self) -> dict[str, str]:
        """What the muxer gets in place of its options of these names."""
        return {"segment_list": self._list} if self._list else {}

    def _with_fragments(self, file: DiskFile) -> DiskFile:
        if self._fragmented:
            if self._newest is not None and self._newest.fragments is not None:
                self._samples += self._newest.fragments.samples
            file.fragments, self._newest = Fragments(), file
        return file

    def _open(self, path: str, flags: int, options: Mapping[str, str]) -> Any:
        """A segment, a list of them, or the output itself to be read."""
        assert self._disk is not None
        if path.removesuffix(".tmp") == self._list:
            piped = path.removeprefix("pipe:")
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            opened = os.dup(int(piped or 1)) if path != piped else os.open(file_of(path) or path, flags, 0o666)
            return SegmentList(opened, self._names_of_segments, playlist=self._playlist)
        path = file_of(path) or path
        if not flags & _WRITES:
            self._disk.drain()
            return open(path, "rb")
        keeps = not self._wraps and (path in self._segments or not self._target.overwrite)
        made = self._with_fragments(self._disk.create(path, keeps=keeps, taken_s=self._taken_s(self.at_s)))
        if self._list:
            self._segments.setdefault(path, []).append(made)
        else:
            self._segments[path] = []  # nobody asks for their names, and there may be a million
        return made

    def _names_of_segments(self) -> dict[str, list[str]]:
        return {asked: [file.named() for file in files] for asked, files in self._segments.items()}

    def _open_part(self, path: str, flags: int, options: Mapping[str, str]) -> Any:
        """A playlist, or one of its parts."""
        path = file_of(path) or path
        if not flags & _WRITES:
            return open(path, "rb")
        if path.removesuffix(".tmp").endswith((".m3u8", ".m3u")):
            return PlaylistFile(path, self._parts)
        made, descriptor = create_beside(path)
        self._parts.setdefault(path, []).append(made)
        return open(descriptor, "wb", buffering=0)


def _is_fragmented(url: str, format: str, options: Mapping[str, str]) -> bool:
    """True for an MP4, or a row of them, that is written in fragments."""
    if format in SEGMENT_FORMATS:
        format = options.get("segment_format", url.rpartition(".")[2].lower())
        options = {"movflags": options.get("segment_format_options", "")}
    return format in MOV_LIKE | {"m4v"} and "frag" in options.get("movflags", "")


def _names_parts(format: str, options: Mapping[str, str]) -> bool:
    """True for a playlist whose parts are named by the clock, unless libav itself renames or deletes them."""
    flags = options.get("hls_flags", "")
    own = "delete_segments" in flags or "temp_file" in flags
    return format == "hls" and options.get("strftime", "0") != "0" and not own
