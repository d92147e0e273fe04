"""Networks that more than one filter or recipe uses."""

from .unet import UNet

__all__ = ["UNet"]
