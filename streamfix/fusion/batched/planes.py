"""Picture operations on tensors (B, C, H, W), with the conventions of `fusion.planes` and `motion.Warper`.

Edges are mirrored in filters and repeated in warps. Flow is (B, 2, H, W), across first, in pixels: a picture at p shows
what the other one shows at p + flow[p]. No function waits for the device or copies from the host, so all of them may
be recorded as CUDA graphs; of convolutions, which CUDA may round to TF32, there are none.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def box(picture: Tensor, window: int) -> Tensor:
    """Means over window x window pixels, an odd number, mirrored at the edges."""
    side = window // 2
    return F.avg_pool2d(F.avg_pool2d(mirrored(picture, side), (1, window), 1), (window, 1), 1)


def tent(picture: Tensor) -> Tensor:
    """Means over 5x5 pixels, weighted towards the middle: 1, 2, 3, 2, 1 is 1, 1, 1 folded with itself."""
    return F.avg_pool2d(F.avg_pool2d(mirrored(picture, 2), 3, 1), 3, 1)


def halved(picture: Tensor) -> Tensor:
    """Half the size, by averaging 2x2 pixels; an odd last row or column is left out."""
    return F.avg_pool2d(picture, 2)


def doubled(picture: Tensor, like: Tensor) -> Tensor:
    """Twice the size, linearly, or one row or column more where `like` has it."""
    larger = F.interpolate(picture, scale_factor=2, mode="bilinear", align_corners=False)
    bottom, right = like.shape[-2] - larger.shape[-2], like.shape[-1] - larger.shape[-1]
    return F.pad(larger, (0, right, 0, bottom), mode="replicate") if bottom or right else larger


def sampled(picture: Tensor, flow: Tensor, *, cubic: bool = False) -> Tensor:
    """The picture where the flow points; what does not move is not resampled."""
    height, width = flow.shape[-2:]
    x = torch.linspace(-1, 1, width, device=flow.device) + flow[:, 0] * (2 / max(width - 1, 1))
    y = torch.linspace(-1, 1, height, device=flow.device)[:, None] + flow[:, 1] * (2 / max(height - 1, 1))
    how = "bicubic" if cubic else "bilinear"
    places = torch.stack((x, y), -1)
    moved = F.grid_sample(picture, places, mode=how, padding_mode="border", align_corners=True)
    return torch.where((flow == 0).all(1, keepdim=True), picture, moved)


def inside(flow: Tensor) -> Tensor:
    """(B, 1, H, W): 1 where the flow points into the picture, 0 from one pixel outside of it on, linear between."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, :1]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1:]
    across = torch.minimum(x, width - 1 - x).add_(1).clamp_(0, 1)
    return across.mul_(torch.minimum(y, height - 1 - y).add_(1).clamp_(0, 1))


def slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences across and down, zero at the edges."""
    wider = mirrored(picture, 1)
    across = (wider[..., 1:-1, 2:] - wider[..., 1:-1, :-2]).mul_(0.5)
    return across, (wider[..., 2:, 1:-1] - wider[..., :-2, 1:-1]).mul_(0.5)


def median(values: Tensor) -> Tensor:
    """The median along the last axis, which goes: the mean of the two middle ones where their number is even."""
    ordered = values.sort(-1).values
    count = values.shape[-1]
    return (ordered[..., (count - 1) // 2] + ordered[..., count // 2]).mul_(0.5)


def quantile(values: Tensor, among: Tensor, share: float, *, between: bool = True) -> Tensor:
    """The value below which this share of those values lies that `among` selects: (B,) of (B, N); 0 if it selects none.

    between: interpolate between neighbours, as NumPy does; otherwise take the lower one.
    """
    ordered = values.masked_fill(~among, torch.inf).sort(-1).values
    last = among.sum(-1) - 1
    place = share * last
    low = place.floor().clamp_(min=0).long()
    found = ordered.gather(-1, low[:, None])[:, 0]
    if between:
        above = ordered.gather(-1, (low + 1).clamp_(max=values.shape[-1] - 1)[:, None])[:, 0]
        part = place - low
        found = torch.where(part > 0, found + part * (above - found), found)
    return found.masked_fill(last < 0, 0.0)


def unpack420(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (B, 1, H, W) and chroma (B, 2, H/2, W/2) of packed pictures (B, 6, H/2, W/2)."""
    return F.pixel_shuffle(packed[:, :4], 2), packed[:, 4:]


def pack420(luma: Tensor, chroma: Tensor) -> Tensor:
    """The inverse of `unpack420`."""
    return torch.cat((F.pixel_unshuffle(luma, 2), chroma), 1)


def mirrored(picture: Tensor, side: int) -> Tensor:
    """With so many pixels more on each side; pictures that are too small for a mirror repeat their edge."""
    fits = min(picture.shape[-2:]) > side
    return F.pad(picture, (side, side, side, side), mode="reflect" if fits else "replicate")
