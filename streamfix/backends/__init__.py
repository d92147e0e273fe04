"""How and where a network runs: PyTorch, OpenVINO, ONNX Runtime, and backends from other packages.

`runner.open_runner` is the one entry point. The registry lives here so that names can be looked up without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from ..errors import BadOption
from ..registry import OneOf, Registry

if TYPE_CHECKING:
    from .base import Backend

#: All known backends; packages announce theirs under the entry-point group `streamfix.backends`.
BACKENDS: Registry[Backend] = Registry("backend", group="streamfix.backends")

#: The type of a filter option that names a backend, or "auto".
BackendName = Annotated[str, OneOf(lambda: ("auto", *BACKENDS))]


def check_backend(task: str, name: str) -> None:
    """Raise BadOption, naming the filter `task`, if no backend has that name."""
    if name != "auto" and name not in BACKENDS:
        raise BadOption(f"{task}=backend: {name!r} is no backend; there are auto, {', '.join(BACKENDS)}")
