"""`auto`: finds out what a video needs, and does that."""

from .filter import Auto

__all__ = ["Auto"]
