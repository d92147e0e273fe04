"""Textures warped and laid over one another, and the flow and occlusion that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera_path import Doubles, translation
from .layers import Bytes, Layer

Floats: TypeAlias = NDArray[np.float32]
Bools: TypeAlias = NDArray[np.bool_]

_OPAQUE, _CLEAR = 250, 5  # alphas between are a mixture of two motions, which no flow explains
_MIXED = 255
_SURFACE = np.sqrt(np.arange(256, dtype=np.float32) * 997) * 10  # numbers that do not average to one another
_STILL = 0.01  # pixels a frame

_CODES = np.arange(256) / 255
_TO_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(np.float32)
_FINE = np.arange(65536) / 65535
_TO_GAMMA = np.where(_FINE <= 0.0031308, _FINE * 12.92, 1.055 * _FINE ** (1 / 2.4) - 0.055).astype(np.float32)


def warp(texture: Bytes, to_texture: Doubles, size: tuple[int, int], outside: int = cv2.BORDER_REFLECT_101) -> Bytes:
    """The texture (H, W, C) seen through a homography from output pixels to its own: (h, w, C), bicubic."""
    height, width = size
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    if to_texture[2, 0] == 0 and to_texture[2, 1] == 0:
        affine = to_texture[:2] / to_texture[2, 2]
        return np.asarray(cv2.warpAffine(texture, affine, (width, height), flags=flags, borderMode=outside), np.uint8)
    return np.asarray(
        cv2.warpPerspective(texture, to_texture, (width, height), flags=flags, borderMode=outside), np.uint8
    )


def composite(picture: Bytes, layer: Layer, moment: int, alpha: NDArray[np.uint16]) -> None:
    """Lay the layer at one moment over the picture (h, w, 3), in place, and add its alpha to `alpha` (h, w)."""
    to_texture = layer.to_texture[moment]
    where = _covered(layer.texture.shape[0], to_texture, picture.shape[:2])
    if where is None:
        return
    rows, columns = where
    local = to_texture @ translation(columns.start, rows.start)
    size = rows.stop - rows.start, columns.stop - columns.start
    seen = warp(layer.texture, local, size, cv2.BORDER_CONSTANT)
    opacity = seen[..., 3]
    alpha[rows, columns] += opacity
    through = cv2.bitwise_not(opacity)
    behind = cv2.multiply(picture[rows, columns], cv2.merge([through, through, through]), scale=1 / 255)
    picture[rows, columns] = cv2.add(behind, np.ascontiguousarray(seen[..., :3]))


def _covered(side: int, to_texture: Doubles, size: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Rows and columns of the output that a texture of side x side pixels can reach; None for none."""
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]], np.float64).T
    found = np.linalg.solve(to_texture, corners)
    if not (np.sign(found[2]) == np.sign(found[2, 0])).all():  # reaches behind the camera
        return slice(0, size[0]), slice(0, size[1])
    found = found[:2] / found[2]
    limit = np.array([[size[1]], [size[0]]])
    low = np.clip(np.floor(found.min(1, keepdims=True)) - 1, 0, limit).astype(int)
    high = np.clip(np.ceil(found.max(1, keepdims=True)) + 2, 0, limit).astype(int)
    if (low >= high).any():
        return None
    return slice(int(low[1, 0]), int(high[1, 0])), slice(int(low[0, 0]), int(high[0, 0]))


def expose(pictures: Sequence[Bytes]) -> Floats:
    """The mean of pictures (h, w, 3) uint8 in linear light, as a shutter makes it: float32 in [0, 1], sRGB-coded."""
    total = np.zeros(pictures[0].shape, np.float32)
    for picture in pictures:
        total += np.asarray(cv2.LUT(picture, _TO_LINEAR), np.float32)
    index = np.rint(total * np.float32(65535 / len(pictures))).astype(np.uint16)
    return np.asarray(_TO_GAMMA[index], np.float32)


def truth(background: Doubles, layers: Sequence[Doubles], alphas: NDArray[np.uint16]) -> tuple[Floats, Bools]:
    """Flow (T-1, h, w, 2) and visibility (T-1, h, w) of a composited scene.

    background, layers: (T, 3, 3), from output pixels to each texture. alphas: (layers, T, h, w), 0 to 255, in the
    order of compositing.
    """
    frames, height, width = alphas.shape[1:]
    xs, ys = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    moves = [_moves_against(background, layer, width, height) for layer in layers]
    flow = np.empty((max(frames - 1, 0), height, width, 2), np.float32)
    visible = np.ones(flow.shape[:3], np.bool_)
    top_before = np.zeros((height, width), np.uint8)
    for t in range(frames):
        top = np.zeros((height, width), np.uint8)  # 0 background, k the k-th layer, or _MIXED
        owner = top.copy() if layers else top
        for k, alpha in enumerate(alphas[:, t], 1):
            if not alpha.any():
                continue
            owner[alpha > 127] = k
            if moves[k - 1][t]:
                top[alpha > _CLEAR] = _MIXED
                top[alpha > _OPAQUE] = k
            else:
                top[alpha > 127] = k
        if t:
            out = flow[t - 1]
            relative(background[t], background[t - 1], xs, ys, out)
            for k, layer in enumerate(layers, 1):
                mine = owner == k
                if mine.any():
                    own = np.empty_like(out)
                    relative(layer[t], layer[t - 1], xs, ys, own)
                    np.copyto(out, own, where=mine[..., None])
            visible[t - 1] = _sees(out, top, top_before, xs, ys, bool(layers))
        top_before = top
    return flow, visible


def relative(now: Doubles, before: Doubles, xs: Floats, ys: Floats, out: Floats) -> None:
    """Write the flow (h, w, 2) of a plane that homographies map to its texture: before^-1 now p - p."""
    if np.array_equal(now, before):
        out[:] = 0
        return
    h = np.linalg.solve(before, now)
    h /= h[2, 2]
    a, b, c = (h[0] - (1, 0, 0)).astype(np.float32)
    d, e, f = (h[1] - (0, 1, 0)).astype(np.float32)
    np.add(a * xs + c, b * ys, out=out[..., 0])
    np.add(d * xs + f, e * ys, out=out[..., 1])
    if np.abs(h[2, :2]).max() > 1e-12:
        g, i = h[2, :2].astype(np.float32)
        slant = g * xs + i * ys
        out[..., 0] -= xs * slant
        out[..., 1] -= ys * slant
        out /= (1 + slant)[..., None]


def _sees(flow: Floats, top: Bytes, top_before: Bytes, xs: Floats, ys: Floats, layered: bool) -> Bools:
    height, width = top.shape
    x, y = xs + flow[..., 0], ys + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    if not layered:
        return np.asarray(inside, np.bool_)
    # Bilinear sampling reads four pixels and returns the surface's own number only if each of them shows it.
    there = cv2.remap(_SURFACE[top_before], x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(inside & (top != _MIXED) & (np.abs(there - _SURFACE[top]) < 1e-2), np.bool_)


def _moves_against(background: Doubles, layer: Doubles, width: int, height: int) -> Bools:
    """(T,) True where the layer moves relative to the background, to the frame before or to the next."""
    frames = len(background)
    apart = np.zeros(frames, np.bool_)
    middle = np.array([width / 2, height / 2, 1])
    for t in range(1, frames):
        steps = [np.linalg.solve(m[t - 1], m[t] @ middle) for m in (background, layer)]
        a, b = (s[:2] / s[2] for s in steps)
        turned = np.abs(np.linalg.solve(layer[t - 1], layer[t]) - np.linalg.solve(background[t - 1], background[t]))
        apart[t] = np.abs(a - b).max() > _STILL or turned[:2, :2].max() > 1e-5
    return np.asarray(apart | np.append(apart[1:], False), np.bool_)
