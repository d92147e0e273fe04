"""The FastDVDnet family, of any width: built from the shapes of its weights.

Source: Tassano, Delon, Veit, FastDVDnet: Towards Real-Time Deep Video Denoising Without Flow Estimation, CVPR 2020,
arXiv:1907.01361, sections 3 and figure 2. LiteDVDNet is the same with fewer channels, and one convolution in place of
two at each level. Attribute names are those that published weights have as keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


def _norm_relu(channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]


class _Convolutions(nn.Module):
    """A run of layers under the one name that all of the weights' keys have."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.convblock = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convblock(x)
        return out


def _conv(inside: int, outside: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride, 1, groups=groups, bias=False)


def _level(channels: int, convolutions: int) -> _Convolutions:
    return _Convolutions(
        *(layer for _ in range(convolutions) for layer in (_conv(channels, channels), *_norm_relu(channels)))
    )


def _down(inside: int, outside: int, convolutions: int) -> _Convolutions:
    return _Convolutions(_conv(inside, outside, stride=2), *_norm_relu(outside), _level(outside, convolutions))


def _up(inside: int, outside: int, convolutions: int) -> _Convolutions:
    return _Convolutions(_level(inside, convolutions), _conv(inside, 4 * outside), nn.PixelShuffle(2))


class DenoisingBlock(nn.Module):
    """A UNet from three frames and the noise's map to the middle frame's noise, which is taken away.

    per_frame: channels for each frame at the input. channels: of the three levels.
    convolutions: at each level, 2 in FastDVDnet.
    """

    def __init__(self, per_frame: int, channels: Sequence[int], convolutions: int) -> None:
        super().__init__()
        c0, c1, c2 = channels
        self.inc = _Convolutions(
            _conv(3 * 4, 3 * per_frame, groups=3),
            *_norm_relu(3 * per_frame),
            _conv(3 * per_frame, c0),
            *_norm_relu(c0),
        )
        self.downc0 = _down(c0, c1, convolutions)
        self.downc1 = _down(c1, c2, convolutions)
        self.upc2 = _up(c2, c1, convolutions)
        self.upc1 = _up(c1, c0, convolutions)
        self.outc = _Convolutions(_conv(c0, c0), *_norm_relu(c0), _conv(c0, 3))

    def forward(self, frames: Sequence[Tensor], noise: Tensor) -> Tensor:
        """frames: three of (B, 3, H, W). noise: (B, 1, H, W), standard deviation. H and W are multiples of 4."""
        x0 = self.inc(torch.cat([x for frame in frames for x in (frame, noise)], 1))
        x1 = self.downc0(x0)
        x2 = self.downc1(x1)
        x1 = self.upc1(x1 + self.upc2(x2))
        out: Tensor = frames[1] - self.outc(x0 + x1)
        return out


class FastDvdNet(nn.Module):
    """Two cascaded steps: three triples of the five frames, then the three results."""

    def __init__(self, per_frame: int, channels: Sequence[int], convolutions: int) -> None:
        super().__init__()
        self.temp1 = DenoisingBlock(per_frame, channels, convolutions)
        self.temp2 = DenoisingBlock(per_frame, channels, convolutions)

    @staticmethod
    def from_weights(weights: Mapping[str, Tensor]) -> FastDvdNet:
        """The network whose weights these are. Raises KeyError or RuntimeError if they are of another."""
        first = weights["temp1.inc.convblock.0.weight"].shape[0] // 3
        c0 = weights["temp1.inc.convblock.3.weight"].shape[0]
        c1, c2 = (weights[f"temp1.downc{i}.convblock.0.weight"].shape[0] for i in (0, 1))
        convolutions = 2 if "temp1.downc0.convblock.3.convblock.3.weight" in weights else 1
        network = FastDvdNet(first, (c0, c1, c2), convolutions)
        network.load_state_dict(weights)
        return network.eval()

    def denoise(self, frames: Sequence[Tensor], sigma: float) -> list[Tensor]:
        """All frames of a clip, (1, 3, H, W) each, mirrored at both ends. sigma: in units of [0, 1].

        A triple's first step serves the three frames around it, so each is computed once.
        """
        noise = torch.full_like(frames[0][:, :1], sigma)
        count = len(frames)
        first = [self.temp1([frames[mirrored(t + d, count)] for d in (-1, 0, 1)], noise) for t in range(count)]
        return [self.temp2([first[mirrored(t + d, count)] for d in (-1, 0, 1)], noise) for t in range(count)]


def mirrored(t: int, count: int) -> int:
    """Index t of a clip of `count` frames that is mirrored at its first and last frame."""
    if count == 1:
        return 0
    t = abs(t) % (2 * count - 2)
    return min(t, 2 * count - 2 - t)
