"""What the API answers when it says no: problem details, RFC 9457, with the value, the place and the remedy."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ....errors import StreamfixError, UsageError
from ....media.transport.redact import redact
from ..config.problems import ConfigError, place_text
from ..engine.control import Conflict, StreamExists, UnknownStream

MEDIA_TYPE = "application/problem+json"
_LONGEST = 200  # characters of a value that are repeated

log = logging.getLogger("streamfix.daemon")


class Denied(StreamfixError):
    """A request that is refused before anybody looks at what it wants. status: of HTTP."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})


def problem(
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response. detail and errors are redacted here; errors: {where, value, detail}."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = redact(detail)
    if errors:
        body["errors"] = [{name: redact(text) for name, text in error.items()} for error in errors]
    # Escaped, since a request may hold half a surrogate pair, which no UTF-8 can say.
    return Response(json.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: what a route may answer, beside what any may."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({401, 403, 413, 415, 422, *statuses})
    }


def explain(error: Exception) -> Response:
    """The answer to a request that has failed."""
    if isinstance(error, Denied):
        return problem(error.status, str(error), headers=error.headers)
    if isinstance(error, UnknownStream):
        return problem(404, str(error))
    if isinstance(error, Conflict | StreamExists):
        return problem(409, str(error))
    if isinstance(error, ConfigError):
        errors = [{"where": place_text(p.place), "value": p.value, "detail": p.text} for p in error.problems]
        return problem(422, str(error), errors)
    if isinstance(error, UsageError):
        return problem(422, str(error))
    if isinstance(error, StreamfixError):  # an input or output that cannot be had now
        return problem(409, str(error))
    if isinstance(error, RequestValidationError):
        return problem(422, "the request is not as the OpenAPI document has it", [_place(e) for e in error.errors()])
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), headers=error.headers)
    log.error("the API failed, which is a mistake of its own", exc_info=error)
    return problem(500, "this is a mistake of the daemon's own; its log has the details")


def install(app: FastAPI) -> None:
    """Answer every failure of the app in this way."""

    async def answer(request: Request, error: Exception) -> Response:
        return explain(error)

    for kind in (StreamfixError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def _place(error: Mapping[str, Any]) -> dict[str, str]:
    where = ".".join(str(step) for step in error.get("loc", ()))
    value = repr(error.get("input"))
    return {"where": where, "value": value[:_LONGEST], "detail": str(error.get("msg", ""))}
