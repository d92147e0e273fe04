"""Networks that more than one filter or recipe uses, and the classics of the literature."""

from .autoencoder import Autoencoder
from .bicubic import bicubic_enlarged, bicubic_reduced
from .dncnn import DnCNN
from .espcn import ESPCN
from .flat import Flat
from .fsrcnn import FSRCNN
from .plain import deepened
from .rdn import RDN, Dense
from .srcnn import SRCNN
from .swin import Swin
from .unet import UNet
from .vdsr import VDSR

__all__ = [
    "ESPCN",
    "FSRCNN",
    "RDN",
    "SRCNN",
    "VDSR",
    "Autoencoder",
    "Dense",
    "DnCNN",
    "Flat",
    "Swin",
    "UNet",
    "bicubic_enlarged",
    "bicubic_reduced",
    "deepened",
]
