"""The API's error answers: problem details (RFC 9457) with the value, the place and the remedy."""

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
from ....media.redact import redact
from ..config.problems import ConfigError, place_text
from ..engine.control import Conflict, StreamExists, UnknownStream

MEDIA_TYPE = "application/problem+json"
_LONGEST = 200  # characters of a value that an answer repeats

log = logging.getLogger("streamfix.daemon")


class Denied(StreamfixError):
    """A request that is refused before its content is looked at. status: the HTTP status."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})


def problem(
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. detail and errors ({where, value, detail}) are redacted here."""
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = redact(detail)
    if errors:
        body["errors"] = [{name: redact(text) for name, text in error.items()} for error in errors]
    # ASCII only, since a request may hold half a surrogate pair, which UTF-8 cannot encode.
    return Response(json.dumps(body), status, headers=headers, media_type=MEDIA_TYPE)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: these error answers, and those that every route may give."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({401, 403, 413, 415, 422, *statuses})
    }


def explain(error: Exception) -> Response:
    """The answer to a failed request."""
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
    if isinstance(error, StreamfixError):  # an input or output that is not available now
        return problem(409, str(error))
    if isinstance(error, RequestValidationError):
        return problem(
            422, "the request does not match the OpenAPI document; see errors", [_place(e) for e in error.errors()]
        )
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), headers=error.headers)
    log.error("the API failed because of a bug in the daemon", exc_info=error)
    return problem(500, "this is a bug in the daemon; its log has the details")


def install(app: FastAPI) -> None:
    """Answer every failure of the app with a problem document."""

    async def answer(request: Request, error: Exception) -> Response:
        return explain(error)

    for kind in (StreamfixError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)


def _place(error: Mapping[str, Any]) -> dict[str, str]:
    where = ".".join(str(step) for step in error.get("loc", ()))
    value = repr(error.get("input"))
    return {"where": where, "value": value[:_LONGEST], "detail": str(error.get("msg", ""))}
