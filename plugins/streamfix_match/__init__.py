"""The filter `match`: tone and colour of one camera brought to those of a reference picture."""

from .filter import Match

__all__ = ["Match"]
