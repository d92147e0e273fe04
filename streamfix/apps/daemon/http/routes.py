"""Streams over HTTP: their state, commands to them, and their pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from ..engine.control import Engine, UnknownStream
from . import preview
from .answers import Denied, problems
from .bodies import changed_stream, new_stream, read_object, shown
from .document import CHANGE, WHOLE
from .jpeg import Side
from .models import Happening, History, StreamDetail, StreamStatus
from .preview import BOUNDARY, Previews

Name = Annotated[str, Path(description="the stream's name", examples=["yard"])]
Sides = Annotated[Side, Query(description="both: one picture, before on its left half, after on its right half")]
Width = Annotated[int | None, Query(ge=16, le=4096, description="the most a side may be wide")]
Fps = Annotated[float, Query(ge=0.1, le=15, description="pictures a second, at most")]
WallFps = Annotated[float, Query(ge=0.1, le=5, description="pictures a second of each stream, at most")]
_JPEG: dict[int | str, Any] = {200: {"content": {"image/jpeg": {}}, "description": "the newest picture"}}
_MJPEG: dict[int | str, Any] = {
    200: {"content": {"multipart/x-mixed-replace": {}}, "description": "pictures as they come, each with its X-Pts"}
}


async def sent(request: Request) -> dict[str, Any]:
    """The JSON object in the request's body."""
    return read_object(await request.body())


Sent = Annotated[dict[str, Any], Depends(sent)]


def wall_routes(supervisor: Engine, previews: Previews) -> APIRouter:
    """All streams' pictures at once."""
    routes = APIRouter(prefix="/api", tags=["streams"])

    @routes.get("/live.mjpg", response_class=StreamingResponse, responses={**_MJPEG, **problems(429)})
    async def get_wall(request: Request, fps: WallFps = 2.0, width: Width = 480) -> StreamingResponse:
        """Pictures of all streams as they come, each with its X-Stream. 429: too many live views are open."""
        _refuse_if_full(previews)

        async def names() -> list[str]:
            return [status["name"] for status in await run_in_threadpool(supervisor.list)]

        async def parts() -> AsyncIterator[bytes]:
            async for name, picture in previews.wall(names, fps, width, request.is_disconnected):
                yield picture.part(name)
            yield f"--{BOUNDARY}--\r\n".encode()

        return StreamingResponse(parts(), media_type=preview.MEDIA_TYPE)

    return routes


def _refuse_if_full(previews: Previews) -> None:
    if previews.full:
        raise Denied(429, f"{previews.most_views} live views are open, which is the most allowed; close one")


def stream_routes(supervisor: Engine, previews: Previews) -> APIRouter:
    """The routes below /api/streams. FastAPI runs those that may wait, which are no coroutines, in threads."""
    routes = APIRouter(prefix="/api/streams", tags=["streams"])

    def detail(name: str) -> dict[str, Any]:
        return {**supervisor.get(name), "config": shown(supervisor.config_of(name))}

    @routes.get("", response_model=list[StreamStatus], responses=problems())
    def list_streams() -> Any:
        """The status of every stream."""
        return supervisor.list()

    @routes.post("", status_code=201, response_model=StreamDetail, responses=problems(409), openapi_extra=WHOLE)
    def add_stream(body: Sent, response: Response) -> Any:
        """Add a stream; it starts if it is enabled. 409: the name is taken, or the machine has no room for it."""
        config = new_stream(body, supervisor.config)
        supervisor.add(config)
        response.headers["Location"] = f"/api/streams/{config.name}"
        return detail(config.name)

    @routes.get("/{name}", response_model=StreamDetail, responses=problems(404))
    def get_stream(name: Name) -> Any:
        """A stream's status and configuration."""
        return detail(name)

    @routes.put("/{name}", response_model=StreamDetail, responses=problems(404, 409), openapi_extra=WHOLE)
    def replace_stream(name: Name, body: Sent) -> Any:
        """Replace a stream's configuration. Credentials that are sent back hidden stay as they are."""
        supervisor.change(changed_stream(body, supervisor.config_of(name), supervisor.config, whole=True))
        return detail(name)

    @routes.patch("/{name}", response_model=StreamDetail, responses=problems(404, 409), openapi_extra=CHANGE)
    def change_stream(name: Name, body: Sent) -> Any:
        """Change some options (RFC 7396); null goes back to the default."""
        supervisor.change(changed_stream(body, supervisor.config_of(name), supervisor.config, whole=False))
        return detail(name)

    @routes.put("/{name}/zones", response_model=StreamDetail, responses=problems(404, 409), openapi_extra=CHANGE)
    def replace_zones(name: Name, body: Sent) -> Any:
        """Cover other zones: `zones`, and `zone_mode` if it changes. The stream goes on, without losing a picture.

        They are written to the configuration file at once, if the stream is in it; `unsaved` tells.
        """
        if wrong := [key for key in body if key not in ("zones", "zone_mode")]:
            raise Denied(422, f"there is no {wrong[0]!r} here; send zones, and zone_mode")
        supervisor.change(changed_stream(body, supervisor.config_of(name), supervisor.config, whole=False))
        supervisor.keep_zones(name)
        return detail(name)

    @routes.delete("/{name}", status_code=204, responses=problems(404))
    def remove_stream(name: Name) -> None:
        """Stop a stream, finish its outputs and forget it."""
        supervisor.remove(name)

    @routes.post("/{name}/start", response_model=StreamDetail, responses=problems(404, 409))
    def start_stream(name: Name) -> Any:
        """Start a stream. 409: the machine has no room for it."""
        supervisor.start(name)
        return detail(name)

    @routes.post("/{name}/retry", response_model=StreamDetail, responses=problems(404, 409))
    def retry_stream(name: Name) -> Any:
        """Make the attempt now that a stream waits for (`next_try`); nothing where it waits for none. 409: stopped."""
        supervisor.retry(name)
        return detail(name)

    @routes.post("/{name}/stop", response_model=StreamDetail, responses=problems(404, 409))
    def stop_stream(name: Name) -> Any:
        """Stop a stream and finish its outputs."""
        supervisor.stop(name)
        return detail(name)

    @routes.post("/{name}/relearn", status_code=204, responses=problems(404))
    def relearn_stream(name: Name) -> None:
        """Learn anew what the camera usually sees, which takes ten minutes: it was given another view on purpose."""
        supervisor.relearn(name)

    @routes.get("/{name}/history", response_model=History, responses=problems(404))
    def get_history(name: Name) -> Any:
        """The last hour, in steps."""
        return supervisor.history(name)

    @routes.get("/{name}/events", response_model=list[Happening], responses=problems(404))
    def get_events(name: Name) -> Any:
        """The stream's events, oldest first."""
        return [Happening(at=event.at_s, kind=event.kind, text=event.text) for event in supervisor.events(name)]

    @routes.get("/{name}/snapshot.jpg", response_class=Response, responses={**_JPEG, **problems(404, 409)})
    async def get_snapshot(name: Name, side: Sides = "after", width: Width = None) -> Response:
        """The newest picture. 409: there is none yet."""
        picture = await previews.snapshot(name, side, width)
        if picture is None:
            status = await run_in_threadpool(supervisor.get, name)
            raise Denied(409, f"{name}: there is no picture yet: {status['state']} {status.get('reason', '')}".rstrip())
        return Response(picture.jpeg, media_type="image/jpeg", headers={"X-Pts": str(picture.pts)})

    @routes.get("/{name}/live.mjpg", response_class=StreamingResponse, responses={**_MJPEG, **problems(404, 429)})
    async def get_live(
        request: Request, name: Name, side: Sides = "after", fps: Fps = 5.0, width: Width = 960
    ) -> StreamingResponse:
        """Pictures as they come, without end. 429: too many live views are open."""
        await run_in_threadpool(supervisor.get, name)
        _refuse_if_full(previews)

        async def parts() -> AsyncIterator[bytes]:
            try:
                async for picture in previews.view(name, side, fps, width, request.is_disconnected):
                    yield picture.part()
            except UnknownStream:
                return  # the stream was removed
            yield f"--{BOUNDARY}--\r\n".encode()

        return StreamingResponse(parts(), media_type=preview.MEDIA_TYPE)

    return routes
