"""The filter `lowlight`: dark pictures brightened by one curve."""

from .filter import Lowlight

__all__ = ["Lowlight"]
