"""What every filter shares: the base class, the stage that runs it, batching, tiling, cut detection.

The registry lives here so that a name can be looked up before torch is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..registry import Registry

if TYPE_CHECKING:
    from .base import Filter

#: Every filter that can be named; packages announce theirs under the entry-point group `streamfix.filters`.
FILTERS: Registry[Filter[Any]] = Registry("filter", group="streamfix.filters")
