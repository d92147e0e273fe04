"""A stream's recordings over HTTP: listed, played and downloaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from ....errors import InputError
from ..engine.control import Engine
from ..recordings.catalogue import Recording, open_files
from .answers import Denied, problems
from .file_range import send_file
from .models import Recordings

Name = Annotated[str, Path(description="the stream's name", examples=["yard"])]
File = Annotated[str, Path(description="a recording's name, as listed", examples=["1/2026-11-30/yard_120000.mp4"])]
Limit = Annotated[int, Query(ge=1, le=5000, description="recordings in the answer, at most")]
Until = Annotated[float | None, Query(description="only those that had begun by then, Unix seconds")]
Before = Annotated[str, Query(max_length=4096, description="only those older than the recording of that name")]
_VIDEO: dict[int | str, Any] = {
    status: {"content": {"video/*": {}}, "description": text}
    for status, text in ((200, "the file"), (206, "the range of it that was asked for"))
}


def recording_routes(supervisor: Engine) -> APIRouter:
    """The routes below /api/streams/NAME/recordings."""
    routes = APIRouter(prefix="/api/streams/{name}/recordings", tags=["recordings"])

    @routes.get("", response_model=Recordings, responses=problems(404, 409))
    def list_recordings(name: Name, limit: Limit = 500, before: Before = "", until: Until = None) -> Any:
        """The recordings, the newest first, and what all of them take. 409: the disk cannot be read."""
        catalogue, retention = supervisor.recordings(name), supervisor.config_of(name).retention
        try:
            found: Sequence[Recording] = catalogue.find()[::-1]
            writing = open_files()
        except OSError as error:
            raise Denied(409, f"{name}: its recordings cannot be listed: {error}") from None
        count, total = len(found), sum(one.bytes for one in found)
        if until is not None:
            found = catalogue.begun_by(found, until)
        at = next((i for i, one in enumerate(found) if one.name == before), -1)
        files = [
            {
                "name": one.name,
                "begun": catalogue.begun_s(one),
                "changed": one.changed_s,
                "bytes": one.bytes,
                "writing": one.identity in writing,
            }
            for one in found[at + 1 : at + 1 + limit]
        ]
        return {
            "records": any(names is not None for names in catalogue.outputs),
            "count": count,
            "bytes": total,
            "left": max(0, len(found) - at - 1 - limit),
            "retention": dict(retention),
            "files": files,
        }

    @routes.head("/{file:path}", include_in_schema=False)
    @routes.get("/{file:path}", response_class=StreamingResponse, responses={**_VIDEO, **problems(404, 416)})
    def get_recording(request: Request, name: Name, file: File, download: bool = False) -> StreamingResponse:
        """A recording, whole or a range of it. It may still be growing."""
        try:
            descriptor = supervisor.recordings(name).open(file)
        except InputError as error:
            raise Denied(404, str(error)) from None
        return send_file(request, descriptor, os.path.basename(file), download=download)

    return routes
