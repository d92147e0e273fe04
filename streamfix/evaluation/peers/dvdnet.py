"""DVDnet: each frame by itself, then five motion-compensated ones together; built from the shapes of its weights.

Source: Tassano, Delon, Veit, DVDnet: A Fast Network for Deep Video Denoising, ICIP 2019, arXiv:1906.11890. Its authors
compute motion with DeepFlow; here it is DIS MEDIUM, as OpenCV has no DeepFlow in its main modules.
Attribute names are those that published weights have as keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .fastdvdnet import mirrored

_REACH = 2  # frames on each side


class SpatialBlock(nn.Module):
    """A DnCNN on the four sub-pixels of each 2x2 block, told the noise."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(15, channels, 3, padding=1, bias=False), nn.ReLU(inplace=True)]
        for _ in range(depth):
            layers += [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
            layers.append(nn.ReLU(inplace=True))
        layers.append(nn.Conv2d(channels, 12, 3, padding=1, bias=False))
        self.conv_relu_bn = nn.Sequential(*layers)

    def forward(self, frame: Tensor, sigma: float) -> Tensor:
        """frame: (B, 3, H, W), H and W even. Returns it without its noise."""
        packed = F.pixel_unshuffle(frame, 2)
        noise = torch.full_like(packed[:, :3], sigma)
        return frame - F.pixel_shuffle(self.conv_relu_bn(torch.cat((noise, packed), 1)), 2)


class TemporalBlock(nn.Module):
    """The noise's map and five aligned frames to the middle one, at half resolution inside."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()

        def layer(inside: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
            conv = nn.Conv2d(inside, channels, size, stride, size // 2, bias=False)
            return [conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]

        self.down_conv = nn.Sequential(*layer(3 * (2 * _REACH + 1) + 3, 5, 2))
        self.conv1x1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.block_conv = nn.Sequential(*(m for _ in range(depth) for m in layer(channels)))
        self.out_conv = nn.Sequential(*layer(channels), nn.Conv2d(channels, 12, 3, padding=1, bias=False))

    def forward(self, frames: Sequence[Tensor], sigma: float) -> Tensor:
        """frames: five of (B, 3, H, W), H and W even."""
        x = self.down_conv(torch.cat((torch.full_like(frames[0], sigma), *frames), 1))
        return F.pixel_shuffle(self.out_conv(self.block_conv(x) + self.conv1x1(x)), 2)


class DvdNet(nn.Module):
    """Both blocks with motion compensation between them."""

    def __init__(self, spatial: SpatialBlock, temporal: TemporalBlock) -> None:
        super().__init__()
        self.spatial, self.temporal = spatial, temporal
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    @staticmethod
    def from_weights(spatial: Mapping[str, Tensor], temporal: Mapping[str, Tensor]) -> DvdNet:
        """The network whose weights these are. Raises KeyError or RuntimeError if they are of another."""
        first = SpatialBlock(
            spatial["conv_relu_bn.0.weight"].shape[0],
            sum(k.endswith("running_mean") for k in spatial),
        )
        first.load_state_dict(spatial)
        second = TemporalBlock(
            temporal["conv1x1.weight"].shape[0],
            sum(k.startswith("block_conv") and k.endswith("running_mean") for k in temporal),
        )
        second.load_state_dict(temporal)
        return DvdNet(first, second).eval()

    def denoise(self, frames: Sequence[Tensor], sigma: float) -> list[Tensor]:
        """All frames of a clip, (1, 3, H, W) each, mirrored at both ends. sigma: in units of [0, 1]."""
        single = [self.spatial(frame, sigma).clamp(0, 1) for frame in frames]
        grey = [(x[0].mean(0) * 255).round().to(torch.uint8).numpy() for x in single]
        out = []
        for t in range(len(frames)):
            near = [mirrored(t + d, len(frames)) for d in range(-_REACH, _REACH + 1)]
            out.append(self.temporal([self._aligned(single[i], grey[i], grey[t]) for i in near], sigma))
        return out

    def _aligned(self, picture: Tensor, grey: np.ndarray[tuple[int, int]], to: np.ndarray[tuple[int, int]]) -> Tensor:
        if grey is to:
            return picture
        h, w = grey.shape
        flow = self._flow.calc(to, grey, np.zeros((h, w, 2), np.float32))
        xs, ys = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
        x = np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())
        moved = cv2.remap(x, xs + flow[..., 0], ys + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return torch.from_numpy(moved).permute(2, 0, 1)[None]
