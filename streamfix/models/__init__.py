"""What all our networks share, so that a new one is just a filter file, a recipe, weights and a card.

    STORE = WeightsStore(Path(__file__).parent / "weights", "deblock", correction_network)

    class Deblock(Filter[Any]):
        def __init__(self, tier: Tier | Literal["auto"] = "auto", backend: str = "auto") -> None:
            self._network = TieredRunner(STORE, example, tier=tier, backend=backend)

`WeightsStore` and `TieredRunner` serve any network. `Fronts`, `seen` and `corrected` serve networks that restore fused
frames in units of their noise.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

__all__ = [
    "SIZES",
    "Front",
    "Fronts",
    "Fusion",
    "Fusions",
    "GivenWeights",
    "Size",
    "Tier",
    "TieredRunner",
    "WeightsStore",
    "array_library",
    "arrays_on",
    "corrected",
    "correction_network",
    "example",
    "fused_sample",
    "per_plane",
    "read_given",
    "seen",
    "sigma_left",
    "stacked",
    "trusted",
    "wanted",
]

if TYPE_CHECKING:
    from .correction import array_library, corrected, correction_network, example, per_plane, seen, sigma_left, wanted
    from .front import Front, Fusion, fused_sample, stacked
    from .fronts import Fronts, Fusions, arrays_on
    from .given import GivenWeights, read_given
    from .tiered import TieredRunner
    from .tiers import SIZES, Size, Tier
    from .trust import trusted
    from .weights import WeightsStore

# Loaded when they are first used: a filter without a network does not wait for torch.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Front": "front",
        "Fronts": "fronts",
        "Fusion": "front",
        "Fusions": "fronts",
        "GivenWeights": "given",
        "SIZES": "tiers",
        "Size": "tiers",
        "Tier": "tiers",
        "TieredRunner": "tiered",
        "WeightsStore": "weights",
        "array_library": "correction",
        "arrays_on": "fronts",
        "corrected": "correction",
        "correction_network": "correction",
        "example": "correction",
        "fused_sample": "front",
        "per_plane": "correction",
        "read_given": "given",
        "seen": "correction",
        "sigma_left": "correction",
        "stacked": "front",
        "trusted": "trust",
        "wanted": "correction",
    },
)
