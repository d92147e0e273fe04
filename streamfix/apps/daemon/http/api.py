"""The daemon's HTTP side: REST API, probes, metrics and the page, behind one access check."""

from __future__ import annotations

import logging
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from .... import __version__
from ....errors import UsageError
from ..access.auth import COOKIE, Access, Tokens, check_exposure
from ..access.secrets import Secrets
from ..config.config import DaemonConfig
from ..engine.control import Engine
from . import answers
from .answers import Denied, problems
from .bodies import without_own
from .document import LOGIN, describe
from .failed_logins import FailedLogins
from .middleware import RIGHT, AccessMiddleware
from .models import Node, Probe, Reloaded, Saved, System
from .preview import Previews
from .recordings import recording_routes
from .routes import Sent, stream_routes, wall_routes

WEB = Path(__file__).parents[1] / "web"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SESSION_S = 90 * 24 * 3600

log = logging.getLogger("streamfix.daemon")


class _Tokens:
    """The configured tokens, resolved again whenever the configuration was read again.

    Raises UsageError when it is made, if a token is too weak for the host where the API listens.
    """

    def __init__(self, supervisor: Engine, config: DaemonConfig, secrets: Secrets) -> None:
        self._supervisor, self._host, self._secrets = supervisor, config.host, secrets
        self._seen, self._known = supervisor.config, self._resolved(config)

    def __call__(self) -> Tokens:
        config = self._supervisor.config
        if config is not self._seen:
            self._seen = config
            try:
                self._known = self._resolved(config)
            except UsageError as error:
                log.error("daemon.token, daemon.read_token: %s; the previous tokens stay valid", error)
        return self._known

    def _resolved(self, config: DaemonConfig) -> Tokens:
        found = Tokens(*(self._secrets.resolve(each) if each else "" for each in (config.token, config.read_token)))
        check_exposure(self._host, found.change, found.look)
        return found


def create_app(supervisor: Engine, config: DaemonConfig, secrets: Secrets | None = None) -> FastAPI:
    """The ASGI app. `app.state.previews.close()` ends its live views, from any thread.

    config: says where the API listens, and its token; the rest is asked of the supervisor each time.
    Raises UsageError where others could reach it without a token.
    """
    access = Access(_Tokens(supervisor, config, secrets or Secrets()), (config.host, *config.hosts))
    previews = Previews(supervisor.latest)
    failed = FailedLogins()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        previews.release()
        failed.tell()

    app = FastAPI(
        title="streamfix",
        version=__version__,
        docs_url=None,  # its pages would load scripts from other hosts
        redoc_url=None,
        openapi_url="/api/openapi.json",
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.previews = previews
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    answers.install(app)
    app.add_middleware(AccessMiddleware, access=access, failed=failed)
    app.include_router(stream_routes(supervisor, previews))
    app.include_router(recording_routes(supervisor))
    app.include_router(wall_routes(supervisor, previews))
    _add_daemon(app, supervisor)
    _add_session(app, access, failed)
    app.mount("/", StaticFiles(directory=WEB, html=True, check_dir=False), name="web")
    return app


def _add_daemon(app: FastAPI, supervisor: Engine) -> None:
    """Probes, metrics, and what concerns all streams."""

    @app.get("/livez", response_model=Probe, tags=["probes"])
    async def livez() -> Any:
        """Alive: the process answers. It asks no camera and no GPU."""
        return {"status": "alive"}

    @app.get("/readyz", response_model=Probe, responses={503: {"model": Probe}}, tags=["probes"])
    async def readyz() -> Any:
        """Ready: every stream was started. 503 before that, and while the daemon is ending."""
        status = "draining" if supervisor.draining else "ready" if supervisor.ready else "starting"
        return JSONResponse({"status": status}, 200 if status == "ready" else 503)

    @app.get("/metrics", response_class=Response, responses=_metrics(), tags=["probes"])
    def metrics() -> Response:
        """All metrics, for Prometheus."""
        return Response(supervisor.metrics(), headers={"Content-Type": METRICS_TYPE})

    @app.get("/api/system", response_model=System, responses=problems(), tags=["daemon"])
    def system(request: Request) -> Any:
        """The daemon and its machine, and whether whoever asks may change anything."""
        own = {"version": __version__, "python": platform.python_version(), "torch": version_of("torch")}
        states = {"ready": supervisor.ready, "draining": supervisor.draining}
        may = {"may_change": request.scope[RIGHT] == "change"}
        changes = {"unsaved": asdict(supervisor.unsaved())}
        return {"streams": len(supervisor.list()), **states, **supervisor.system(), **own, **may, **changes}

    @app.get("/api/nodes", response_model=list[Node], responses=problems(), tags=["nodes"])
    def nodes() -> Any:
        """The nodes of the cluster; none where streams run on this machine."""
        return supervisor.nodes()

    @app.post("/api/nodes/{name}/drain", response_model=list[Node], responses=problems(404), tags=["nodes"])
    def drain_node(name: str) -> Any:
        """Move a node's streams to others, their outputs finished, and place none there any more."""
        supervisor.drain_node(name, True)
        return supervisor.nodes()

    @app.post("/api/nodes/{name}/resume", response_model=list[Node], responses=problems(404), tags=["nodes"])
    def resume_node(name: str) -> Any:
        """Let a node that was drained take streams again."""
        supervisor.drain_node(name, False)
        return supervisor.nodes()

    @app.get("/api/defaults", response_model=dict[str, Any], responses=problems(), tags=["daemon"])
    def defaults() -> Any:
        """What each option of a stream is that does not set it, as [defaults] of the configuration have it."""
        return without_own(supervisor.config)

    @app.post("/api/reload", response_model=Reloaded, responses=problems(409), tags=["daemon"])
    def reload() -> Any:
        """Read the configuration file again; only changed streams restart. 422: the file is wrong, nothing is done."""
        plan = supervisor.reload()
        done = {"added": plan.add, "removed": plan.remove, "restarted": plan.restart, "kept": plan.keep}
        return {**done, "needs_restart": plan.needs_restart}

    @app.post("/api/save", response_model=Saved, responses=problems(409), tags=["daemon"])
    def save() -> Any:
        """Write all changes made over HTTP to the configuration file. 409: it has changed, or cannot be written."""
        saved, path, backup = supervisor.save()
        return {**asdict(saved), "file": str(path), "backup": str(backup or "")}


def _add_session(app: FastAPI, access: Access, failed: FailedLogins) -> None:
    """A cookie for the page, whose images cannot send a header."""

    @app.post("/api/login", status_code=204, responses=problems(), openapi_extra=LOGIN, tags=["session"])
    async def login(request: Request, body: Sent) -> Response:
        """Exchange a token for a cookie that may do the same. 401: it is none of the tokens."""
        token = body.get("token")
        if not isinstance(token, str):
            raise Denied(422, 'token: it is missing or not a text; send it as in {"token": "..."}')
        right = access.right_of(token)
        if access.needs_token and right is None:
            failed.note(request)
            raise Denied(401, "this is not the token; daemon.token in the daemon's configuration says what it is")
        response = Response(status_code=204)
        if right is not None:
            response.set_cookie(COOKIE, access.session_of(right), max_age=_SESSION_S, **_kept_close(request))
        return response

    @app.post("/api/logout", status_code=204, responses=problems(), tags=["session"])
    async def logout(request: Request) -> Response:
        """Forget the cookie."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, **_kept_close(request))
        return response


def _kept_close(request: Request) -> dict[str, Any]:
    """No script can read the cookie, no other site can send it; set over TLS, it is sent over TLS only."""
    return {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https", "path": "/"}


def _metrics() -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"text/plain": {}}, "description": "text format 0.0.4"}, **problems()}
