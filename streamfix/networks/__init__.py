"""Networks that more than one filter or recipe uses."""

from .flat import Flat
from .unet import UNet

__all__ = ["Flat", "UNet"]
