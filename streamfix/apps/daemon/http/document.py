"""The OpenAPI document: what FastAPI finds by itself, and the bodies that are read by `config` rather than by it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from .forms import Login, StreamBody, StreamChange
from .models import ProblemDocument

_REF = "#/components/schemas/{model}"
_ABOUT = """Live streams: what they are, what is asked of them, what they look like.

Changes need `Content-Type: application/json`. Where a token is needed, send `Authorization: Bearer TOKEN`, or log in
for a cookie. Errors are problem details (RFC 9457)."""


def _takes(model: type, required: bool = True) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


WHOLE, CHANGE, LOGIN = _takes(StreamBody), _takes(StreamChange), _takes(Login)


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of the app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
        models = (Login, ProblemDocument, StreamBody, StreamChange)
        _, found = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(found["$defs"])
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "streamfix_session"},
        }
        document["security"] = [{}, {"token": []}, {"session": []}]
        app.openapi_schema = document
    return app.openapi_schema
