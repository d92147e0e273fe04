"""`deblur`: motion and defocus are measured from the picture and undone; a small network cleans up."""

from .filter import Deblur

__all__ = ["Deblur"]
