"""`upscale`: bicubic interpolation corrected by a small network that sees what earlier frames have shown."""

from .filter import Upscale

__all__ = ["Upscale"]
