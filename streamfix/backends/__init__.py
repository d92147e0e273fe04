"""How a network runs, and where: PyTorch, OpenVINO, ONNX Runtime, and what other packages announce.

`runner.open_runner` is the one door. The registry lives here so that a name can be looked up before torch is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from ..registry import OneOf, Registry

if TYPE_CHECKING:
    from .base import Backend

#: Every backend that can be named; packages announce theirs under the entry-point group `streamfix.backends`.
BACKENDS: Registry[Backend] = Registry("backend", group="streamfix.backends")

#: A filter's option that takes the name of a backend, or "auto".
BackendName = Annotated[str, OneOf(lambda: ("auto", *BACKENDS))]
