"""`smooth`: motion-compensated recursive denoising without weights."""

from .filter import Smooth

__all__ = ["Smooth"]
