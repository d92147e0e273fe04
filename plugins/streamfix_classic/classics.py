"""Which classics there are, what each of them sees, and how its answer corrects a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn

from streamfix import NetworkInfo
from streamfix.models import WeightsStore
from streamfix.networks import ESPCN, FSRCNN, RDN, SRCNN, VDSR, Autoencoder, DnCNN, Swin, bicubic_enlarged

Name = Literal["srcnn", "fsrcnn", "espcn", "vdsr", "dncnn", "autoencoder", "rdn", "swin"]

#: Noise that those without enlargement are trained for, 8-bit codes: the literature's.
SIGMA = 25.0

_GREY, _CONTRAST = 0.5, 4.0  # bring luma to the mean and spread that layers are initialised for
_UNIT = 0.1  # of answers: 25 codes, so that what is to be learnt is of their size


@dataclass(frozen=True, slots=True)
class Entry:
    """make: the network, untrained. scale: how many times larger the result is.

    enlarged: whether the network sees the picture that was enlarged already. multiple: of which its sides are.
    field: how many pixels of what it sees an output pixel can see away.
    """

    make: Callable[[], nn.Module]
    field: int
    scale: int = 1
    enlarged: bool = False
    multiple: int = 1

    def base(self, x: Tensor) -> Tensor:
        """The picture that is corrected, (B, 1, H * scale, W * scale), of luma (B, 1, H, W)."""
        return bicubic_enlarged(x, self.scale) if self.scale > 1 else x

    def seen(self, x: Tensor, base: Tensor) -> Tensor:
        """What the network sees, of luma x and of its `base`."""
        return ((base if self.enlarged else x) - _GREY) * _CONTRAST

    def info(self) -> NetworkInfo:
        """What the network takes and gives."""
        own = 1 if self.enlarged else self.scale
        return NetworkInfo(own, 1, self.multiple, receptive_field=self.field)


CLASSICS: Mapping[Name, Entry] = MappingProxyType(
    {
        "srcnn": Entry(SRCNN, SRCNN.field, 2, enlarged=True),
        "fsrcnn": Entry(FSRCNN, FSRCNN.field, 2),
        "espcn": Entry(ESPCN, ESPCN.field, 2),
        "vdsr": Entry(VDSR, 20, 2, enlarged=True),
        "dncnn": Entry(DnCNN, 17),
        "autoencoder": Entry(Autoencoder, Autoencoder.field, multiple=Autoencoder.multiple),
        "rdn": Entry(RDN, RDN.field, 2),
        "swin": Entry(Swin, Swin.field, 2, multiple=Swin.multiple),
    }
)


def network(name: Name) -> nn.Module:
    """A new, untrained network."""
    return CLASSICS[name].make()


#: A file for each network, named as it.
WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "classic", network, tuple(CLASSICS), kind="network")


def corrected(base: Tensor, answer: Tensor) -> Tensor:
    """The restored luma."""
    return base + _UNIT * answer


def wanted(base: Tensor, restored: Tensor) -> Tensor:
    """The answer from which `corrected` makes `restored`."""
    return (restored - base) / _UNIT
