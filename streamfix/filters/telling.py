"""What a filter tells of a picture that it has just made."""

from __future__ import annotations

from typing import Any

from ..frame import Frame
from ..provenance import Provenance
from .base import Filter


def told(filter: Filter[Any], name: str, given: Frame, size: tuple[int, int], call: tuple[Any, Any, Any]) -> Provenance:
    """The filter's report behind a frame, and its maps. name: in the chain. given: the frame, as the filter got it.

    size: (height, width) of it in the filter's layout, not padded. call: x, the result, and the state.
    """
    x, result, state = call
    before = given.provenance[-1].maps if given.provenance else None
    maps = filter.explain(x, result, state, before)
    if maps is not None:
        maps = maps.cropped((x.shape[-2], x.shape[-1]), size)
    return Provenance(name, dict(filter.report(state)), maps)
