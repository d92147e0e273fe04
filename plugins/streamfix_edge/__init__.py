"""The filter `edge`: edge-preserving smoothing and detail enhancement."""

from .filter import Edge

__all__ = ["Edge"]
