"""The OpenAPI document: what FastAPI finds by itself, and the bodies that `config` reads instead of FastAPI.

The page builds its form from the schema `StreamBody`.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from ..config.options import schema_of
from ..config.spec import StreamConfig
from .models import YARD, ProblemDocument

_REF = "#/components/schemas/{model}"
_ABOUT = """Live streams: their state, their configuration and their pictures.

Changes need `Content-Type: application/json`. Where a token is needed, send `Authorization: Bearer TOKEN`, or log in
for a cookie. Errors are problem details (RFC 9457)."""


class Login(BaseModel):
    """The daemon's token."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"token": "..."}]})

    token: str = Field(max_length=4096)


def stream_schemas() -> dict[str, dict[str, Any]]:
    """The schemas of a stream in a request's body, made from the options of the configuration."""
    change = schema_of(StreamConfig, partial=True, without=("name",))
    return {
        "StreamBody": {
            **schema_of(StreamConfig),
            "title": "StreamBody",
            "description": "A whole stream, as a table of [[streams]] in the configuration file has it.",
            "examples": [YARD],
        },
        "StreamChange": {
            **change,
            "title": "StreamChange",
            "description": "The options of a stream that change; null is back to the default.",
            "examples": [{"filters": "smooth", "max_latency": "100ms"}],
        },
    }


def _takes(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": _REF.format(model=schema)}}}
    return {"requestBody": {"required": True, "content": content}}


WHOLE, CHANGE, LOGIN = _takes("StreamBody"), _takes("StreamChange"), _takes("Login")


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
        models = (Login, ProblemDocument)
        _, found = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update({**found["$defs"], **stream_schemas()})
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "streamfix_session"},
        }
        document["security"] = [{}, {"token": []}, {"session": []}]
        app.openapi_schema = document
    return app.openapi_schema
