"""`deblur`: motion and defocus are read from the picture's spectrum, and undone as far as noise allows."""

from .filter import Deblur

__all__ = ["Deblur"]
