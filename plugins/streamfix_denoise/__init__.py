"""`denoise`: fuses frames along their motion, then restores them with a network that knows how much noise is left."""

from .filter import Denoise

__all__ = ["Denoise"]
