"""A file over HTTP, whole or a range of it (RFC 9110, section 14), also while it grows."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from email.utils import formatdate
from urllib.parse import quote

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .answers import Denied

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", re.ASCII | re.IGNORECASE)
_KINDS = {
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "ts": "video/mp2t",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "ogv": "video/ogg",
}


def send_file(request: Request, descriptor: int, name: str, *, download: bool) -> StreamingResponse:
    """Answer with an open file, which is closed in the end. Raises Denied for a range beyond its end.

    Several ranges at once get the whole file, as do ranges of a file that has changed (If-Range).
    download: browsers save it instead of showing it.
    """
    try:
        known = os.fstat(descriptor)
        tag = f'"{known.st_ino:x}-{known.st_mtime_ns:x}-{known.st_size:x}"'
        modified = formatdate(known.st_mtime, usegmt=True)
        first, last, part = _wanted(request, known.st_size, tag, modified)
    except BaseException:
        os.close(descriptor)
        raise
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(last - first + 1),
        "ETag": tag,
        "Last-Modified": modified,
        "Content-Disposition": f"{'attachment' if download else 'inline'}; filename*=utf-8''{quote(name, safe='')}",
    }
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{known.st_size}"
    kind = _KINDS.get(name.rpartition(".")[2].lower(), "application/octet-stream")
    return _FileResponse(descriptor, first, 0 if request.method == "HEAD" else last - first + 1, part, kind, headers)


class _FileResponse(StreamingResponse):
    """Closes the file however the answer ends, also if it never begins."""

    def __init__(self, descriptor: int, first: int, count: int, part: bool, kind: str, headers: dict[str, str]) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        super().__init__(self._parts(first, count), 206 if part else 200, headers, kind)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    async def _parts(self, first: int, count: int) -> AsyncIterator[bytes]:
        while count > 0:
            data = await run_in_threadpool(os.pread, self._file.fileno(), min(count, _CHUNK), first)
            if not data:
                return  # it has become shorter; the client sees that by the length
            first, count = first + len(data), count - len(data)
            yield data


def _wanted(request: Request, size: int, tag: str, modified: str) -> tuple[int, int, bool]:
    """The first and last byte to send, and whether they are a part. last is first - 1 for an empty file."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    whole = request.headers.get("if-range", tag) not in (tag, modified)
    if (
        found is None
        or whole
        or not (found[1] or found[2])
        or (found[1] and found[2] and int(found[1]) > int(found[2]))
    ):
        return 0, size - 1, False  # a range that is malformed is to be ignored
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
    if first >= size or (not found[1] and int(found[2]) == 0):
        text = f"Range {request.headers['range']!r}: the file has {size} bytes; ask for a range within them"
        raise Denied(416, text, {"Content-Range": f"bytes */{size}"})
    return first, last, True
