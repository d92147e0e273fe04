"""What a filter tells of a picture that it made: how far to trust it, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """Of one result, on a grid of (h, w) that covers the picture.

    noise_left: standard deviation of the luma's error that the filter expects, float32 in [0, 1] units.
    own, neighbours: shares of what is known of a pixel that come from the frame itself and from the frames around it,
    float32; what is left of 1 comes from the network, or from smoothing within the frame. What is known is the inverse
    of the error's variance: the frames' averaging and what comes behind it each have their part in that.
    """

    noise_left: NDArray[Any]
    own: NDArray[Any]
    neighbours: NDArray[Any]

    def behind(self, earlier: Maps | None) -> Maps:
        """The same of a filter whose input another one has made: what that one was told counts, and its doubts stay.

        Where this filter finds little noise, what the earlier one has left is still there.
        """
        if earlier is None or earlier.own.shape != self.own.shape:
            return self
        import numpy as np

        left = np.maximum(self.noise_left, earlier.noise_left)
        return Maps(left, self.own * earlier.own, self.neighbours + self.own * earlier.neighbours)

    def cropped(self, padded: tuple[int, int], size: tuple[int, int]) -> Maps:
        """Of what was padded at the bottom and on the right: the part that is the picture. (height, width) of both."""
        height, width = (-(-n * has // of) for n, has, of in zip(self.own.shape, size, padded, strict=True))
        return Maps(*(part[:height, :width] for part in (self.noise_left, self.own, self.neighbours)))


@dataclass(frozen=True, slots=True, eq=False)
class Provenance:
    """What one filter of a chain tells of one result.

    filter: its name in the chain. measured: what it reported behind that frame. maps: None if it has none.
    """

    filter: str
    measured: Mapping[str, float]
    maps: Maps | None = None
