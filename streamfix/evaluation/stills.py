"""Pictures for super-resolution, by the protocol that the literature's tables have.

    for name, rgb in read_stills(Path("Set5.tar")):
        still = Still.of(rgb, scale=2, name=name)
        print(name, still.psnr_y(network(still.lr_y)))

The picture is cropped to a multiple of the scale and reduced in R'G'B' by MATLAB's bicubic (a = -0.5, antialiasing) to
8 bits; luma is BT.601's of limited range and not rounded; a border of `scale` pixels does not count. A set's figure is
the mean of its pictures' dB. At x2 bicubic measures 33.69 dB on Set5, 30.32 on Set14; at x4 28.4 and 26.1.

A network of luma sees `lr_y`, as those of the literature do. A filter sees `lr_420` and gives 8 bits, which costs it
0.03 dB of these figures twice: what it sees is rounded, and what it gives.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from ..color import resize_chroma, rgb_to_ycbcr
from ..errors import InputError
from ..frame import PixelFormat
from .bicubic import enlarge, reduce
from .clip import BT601, Bytes, Floats, to_codes

PROTOCOL = "MATLAB's bicubic (a = -0.5, antialiased) in R'G'B', BT.601 luma, border of `scale` pixels left out"
ENDINGS = (".png", ".bmp", ".webp", ".jpg", ".jpeg")
_YUV444P = PixelFormat("yuv444p", "yuv", 8)


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One picture and its copy `scale` times as small, h = H / scale, w = W / scale.

    hr_rgb: (H, W, 3), lr_rgb: (h, w, 3) uint8. hr_y: (H, W), lr_y: (h, w) float32, code values from 16 to 235.
    lr_420: uint8: luma (h, w), two planes of chroma ((h + 1) // 2, (w + 1) // 2), sited as video has it: left.
    """

    name: str
    scale: int
    hr_rgb: Bytes = field(repr=False)
    hr_y: Floats = field(repr=False)
    lr_y: Floats = field(repr=False)
    lr_rgb: Bytes = field(repr=False)
    lr_420: tuple[Bytes, Bytes, Bytes] = field(repr=False)

    @staticmethod
    def of(rgb: Bytes, scale: int, name: str = "") -> Still:
        """From the picture at its full size, R'G'B' (H, W, 3) uint8. Raises InputError if it is too small to crop."""
        rgb = modcrop(rgb, scale)
        if min(rgb.shape[:2]) < 4 * scale:
            raise InputError(f"{name or 'a picture'}: {rgb.shape[1]}x{rgb.shape[0]} is too small for x{scale}")
        lr_rgb = to_codes(reduce(rgb, scale))
        return Still(name, scale, rgb, luma(rgb), luma(lr_rgb), lr_rgb, yuv420(lr_rgb))

    def bicubic_y(self) -> Floats:
        """The luma enlarged by MATLAB's bicubic: the baseline of every table."""
        return enlarge(self.lr_y, self.scale)

    def psnr_y(self, result: Bytes | Floats) -> float:
        """PSNR of a luma (H, W) in code values, uint8 or not rounded, dB. Raises ValueError for another size."""
        if result.shape != self.hr_y.shape:
            raise ValueError(f"{self.name}: a luma of {result.shape} was made, the picture's is {self.hr_y.shape}")
        inner = (slice(self.scale, -self.scale),) * 2
        error = np.clip(result[inner], 0, 255).astype(np.float64) - self.hr_y[inner]
        return float(10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-6)))


def modcrop(rgb: Bytes, multiple: int) -> Bytes:
    """The upper left part whose sides are multiples of `multiple`, as MATLAB's `modcrop` of the papers has it."""
    h, w = (n // multiple * multiple for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb[:h, :w])


def luma(rgb: Bytes) -> Floats:
    """BT.601 luma of limited range, (H, W) float32 in code values, of a picture (H, W, 3) uint8."""
    return np.asarray(_ycbcr(rgb)[0][0].numpy() * 255, np.float32)


def yuv420(rgb: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """8-bit 4:2:0 of a picture (H, W, 3) uint8, BT.601, limited range; odd sides are kept, chroma is rounded up."""
    y, uv = _ycbcr(rgb)
    half = ((y.shape[-2] + 1) // 2, (y.shape[-1] + 1) // 2)
    chroma = resize_chroma(uv, y, half, _YUV444P).numpy() * 255
    return to_codes(y[0].numpy() * 255), to_codes(chroma[0]), to_codes(chroma[1])


def _ycbcr(rgb: Bytes) -> tuple[torch.Tensor, torch.Tensor]:
    picture = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1), np.float32)) / 255
    return rgb_to_ycbcr(picture, BT601)


def read_stills(where: Path) -> Iterator[tuple[str, Bytes]]:
    """(name, R'G'B' (H, W, 3) uint8) of each picture in a folder or a .tar, in the order of their names.

    Raises InputError when there is none, or one cannot be read.
    """
    found = 0
    for name, data in _files(where):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if bgr is None:
            raise InputError(f"{where}: {name} is no picture; take it out or mend it")
        found += 1
        yield Path(name).stem, np.ascontiguousarray(bgr[..., ::-1], np.uint8)
    if not found:
        raise InputError(f"{where}: no pictures in it; known endings: {', '.join(ENDINGS)}")


def _files(where: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if where.is_dir():
            for path in sorted(p for p in where.iterdir() if p.suffix.lower() in ENDINGS):
                yield path.name, path.read_bytes()
            return
        with tarfile.open(where) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None and Path(member.name).suffix.lower() in ENDINGS:
                    yield member.name, file.read()
    except (OSError, tarfile.TarError) as e:
        raise InputError(f"{where}: {e}; give a folder of pictures or a .tar of them") from e
