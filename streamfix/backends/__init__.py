"""How a network runs, and where: PyTorch, OpenVINO, ONNX Runtime, and what other packages announce.

`runner.open_runner` is the one door. The registry lives here so that a name can be looked up before torch is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import Registry

if TYPE_CHECKING:
    from .base import Backend

#: Every backend that can be named; packages announce theirs under the entry-point group `streamfix.backends`.
BACKENDS: Registry[Backend] = Registry("backend", group="streamfix.backends")
