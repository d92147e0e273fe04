"""The filter `model`: any community image network, from a weights file or an ONNX graph."""

from .filter import Model

__all__ = ["Model"]
