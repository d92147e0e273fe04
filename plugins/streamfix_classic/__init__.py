"""`classic`: the networks of the literature, on the luma of each frame by itself."""

from .filter import Classic

__all__ = ["Classic"]
