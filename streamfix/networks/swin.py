"""Attention within windows that are shifted from layer to layer.

Liu et al., "Swin transformer", ICCV 2021, arXiv:2103.14030; Liang et al., "SwinIR: image restoration using Swin
transformer", ICCVW 2021, arXiv:2108.10257, its network for super-resolution with three groups of two layers, 48
channels wide. Shifted windows reach beyond the picture's edge, where they see zeros: nothing depends on the picture's
size, so an exported graph takes any.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .plain import initialise

_WIDTH, _HEADS, _WINDOW, _GROUPS = 48, 3, 8, 3


class WindowLayer(nn.Module):
    """Attention within windows of 8x8, then a perceptron, both residual. shift: moves the windows by half of one."""

    _places: Tensor

    def __init__(self, shift: bool) -> None:
        super().__init__()
        self._shift = _WINDOW // 2 if shift else 0
        self.before_attention = nn.LayerNorm(_WIDTH)
        self.query_key_value = nn.Linear(_WIDTH, 3 * _WIDTH)
        self.out = nn.Linear(_WIDTH, _WIDTH)
        self.offsets = nn.Parameter(torch.zeros(_HEADS, (2 * _WINDOW - 1) ** 2))
        self.before_perceptron = nn.LayerNorm(_WIDTH)
        self.perceptron = nn.Sequential(nn.Linear(_WIDTH, 2 * _WIDTH), nn.GELU(), nn.Linear(2 * _WIDTH, _WIDTH))
        at = torch.stack(torch.meshgrid(torch.arange(_WINDOW), torch.arange(_WINDOW), indexing="ij")).flatten(1)
        apart = at[:, :, None] - at[:, None, :] + _WINDOW - 1
        self.register_buffer("_places", apart[0] * (2 * _WINDOW - 1) + apart[1], persistent=False)
        for linear in (self.out, self.perceptron[2]):
            assert isinstance(linear, nn.Linear)
            nn.init.zeros_(linear.bias)
            linear.weight.data.mul_(0.1)  # a layer begins near the identity

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, H, W, 48), H and W multiples of 8. Returns as much."""
        x = x + self._attention(self.before_attention(x))
        change: Tensor = self.perceptron(self.before_perceptron(x))
        return x + change

    def _attention(self, x: Tensor) -> Tensor:
        shift = self._shift
        if shift:
            x = F.pad(x, (0, 0, shift, shift, shift, shift))
        _, height, width, _ = x.shape
        rows, columns = height // _WINDOW, width // _WINDOW
        windows = x.reshape(-1, rows, _WINDOW, columns, _WINDOW, _WIDTH).transpose(2, 3)
        tokens = self.query_key_value(windows.reshape(-1, _WINDOW**2, _WIDTH))
        query, key, value = tokens.reshape(-1, _WINDOW**2, 3, _HEADS, _WIDTH // _HEADS).permute(2, 0, 3, 1, 4)
        # Written out: on a CPU torch's own attention computes the same slower where there is a bias to learn.
        alike = query @ key.transpose(-1, -2) * (_WIDTH // _HEADS) ** -0.5 + self.offsets[:, self._places]
        seen = alike.softmax(-1).to(value.dtype) @ value
        y = self.out(seen.transpose(1, 2).reshape(-1, _WINDOW**2, _WIDTH))
        y = y.reshape(-1, rows, columns, _WINDOW, _WINDOW, _WIDTH).transpose(2, 3)
        y = y.reshape(-1, height, width, _WIDTH)
        kept: Tensor = y[:, shift : height - shift, shift : width - shift]
        return kept


class WindowGroup(nn.Module):
    """Two layers of windows, the second one's shifted, and a convolution; residual. x: (B, 48, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(WindowLayer(shift=False), WindowLayer(shift=True))
        self.mix = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.mix(self.layers(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return x + y


class Swin(nn.Module):
    """0.18 million parameters, 0.25 million multiplications a pixel of the small luma; sides are multiples of 8.

    scale: how many times larger. It gives a correction of the picture enlarged by bicubic interpolation.
    """

    multiple = _WINDOW
    field = 2 * (_WINDOW - 1) * _GROUPS + _GROUPS + 3

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, _WIDTH, 3, padding=1)
        self.groups = nn.Sequential(*(WindowGroup() for _ in range(_GROUPS)))
        self.last = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.sub_pixels = nn.Conv2d(_WIDTH, scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        initialise(self, self.sub_pixels)
        for group in self.groups:
            assert isinstance(group, WindowGroup)
            group.mix.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W), small luma. Returns (B, 1, H * scale, W * scale)."""
        shallow = self.first(x)
        deep = self.last(self.groups(shallow)) + shallow
        result: Tensor = self.shuffle(self.sub_pixels(deep))
        return result
