"""`denoise`: frames fused along their motion, then restored by a small network that is told how much noise is left."""

from .filter import Denoise

__all__ = ["Denoise"]
