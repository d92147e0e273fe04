"""`deblock`: the artifacts of a codec are measured from the picture, and undone by frames fused and a small network."""

from .filter import Deblock

__all__ = ["Deblock"]
