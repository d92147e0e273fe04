"""What else of a file shows or tells what the masks hide: other pictures, data, places."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence

from ...errors import UnusableInput
from ..streams import MappedStream

log = logging.getLogger("streamfix.media")

_PLACE = re.compile(r"location|gps|iso6709|xyz|latitude|longitude", re.IGNORECASE)
_WHAT = {"video": "a second video", "cover": "an attached picture", "data": "data", "attachment": "an attached picture"}


def check_streams(streams: Sequence[MappedStream], named: Collection[tuple[int, int]], shown: str) -> None:
    """Raise UnusableInput for a stream that may show what is masked and goes along without having been named.

    streams: that go to the output. named: input and index of those that -map has named, see `mapping.named_streams`.
    """
    for stream in streams:
        if not stream.restored and (stream.input_index, stream.index) not in named and _shows(stream):
            kept = " ".join(f"-map {s.place}" for s in streams if s.restored or not _shows(s))
            raise UnusableInput(
                f"{shown}: {stream} is {_WHAT[stream.kind]} that privacy does not cover; leave it out with {kept}, or "
                f"add -map {stream.place} to take it as it is"
            )


def warn(streams: Sequence[MappedStream], metadata: Mapping[str, str], shown: str) -> None:
    """Warn of subtitles and of metadata that say where it was recorded: they go along as they are."""
    for stream in streams:
        if stream.kind == "subtitle":
            log.warning("%s: %s goes along; privacy does not read it: leave it out with -sn", shown, stream)
    tables = [("the file", metadata), *((str(stream), stream.metadata) for stream in streams)]
    for where, table in tables:
        for key in table:
            if _PLACE.search(key):
                log.warning(
                    "%s: %s says where it was recorded (%s), and the output will too; leave metadata out with "
                    "-map_metadata -1", shown, where, key,
                )  # fmt: skip


def _shows(stream: MappedStream) -> bool:
    if stream.kind == "attachment":
        return stream.metadata.get("mimetype", "").startswith(("image/", "video/"))
    return stream.kind in ("video", "cover", "data")
