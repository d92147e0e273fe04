"""Whether a picture is a photograph, whether two are the same one, and how far a picture is shrunk to be clean."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["MIN_SIDE", "clean", "decode", "fingerprint", "near", "why_no_photograph"]

RGB = npt.NDArray[np.uint8]

MIN_SIDE = 192  # pixels: of less no training crop can be cut
_BLOCK = 8
_CODED_HARD = 0.6  # bits a pixel under which a codec has smoothed away detail
_BITS = 63  # of a fingerprint


def decode(data: bytes) -> RGB | None:
    """A coded picture as uint8 (H, W, 3) R'G'B'; None where OpenCV cannot read it or parts of it are transparent."""
    buffer = np.frombuffer(data, np.uint8)
    whole = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if whole is None:
        return None
    if whole.ndim == 3 and whole.shape[2] == 4:
        opaque = whole[..., 3] > 0.9 * {"uint8": 255, "uint16": 65535}.get(whole.dtype.name, 1)
        if np.mean(opaque) < 0.99:
            return None
    picture = cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB)  # 8 bit, turned as EXIF says
    return None if picture is None else picture.astype(np.uint8, copy=False)


def clean(picture: RGB, coded_bytes: int) -> RGB:
    """The picture (H, W, 3) shrunk by area until noise and coding residue are gone, its sides even.

    By 2, or by 3 where its file has under 0.6 bits a pixel; less where the short side would fall under MIN_SIDE.
    """
    height, width = picture.shape[:2]
    factor = 1 / 3 if 8 * coded_bytes / (height * width) < _CODED_HARD else 1 / 2
    factor = min(1.0, max(factor, MIN_SIDE / min(height, width)))
    size = (round(width * factor) // 2 * 2, round(height * factor) // 2 * 2)
    if factor == 1.0:
        return picture[: size[1], : size[0]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def why_no_photograph(picture: RGB) -> str | None:
    """Why a cleaned picture (H, W, 3) is taken for a drawing, a rendering, text or noise; None for a photograph.

    Photographs have many tones, detail of the camera's making nearly everywhere, and no two neighbours alike over
    wide areas; noise and text have more detail than any lens resolves. A rule of thumb: smooth renderings pass.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    share = share[share > 0]
    if -np.sum(share * np.log2(share)) < 4.5:
        return "few tones"
    alike = np.all(picture[:, 1:] == picture[:, :-1], axis=2)
    if np.mean(alike) > 0.5:
        return "areas of one colour"
    detail = np.abs(cv2.Laplacian(grey.astype(np.float32), cv2.CV_32F))
    rows, columns = (side // _BLOCK * _BLOCK for side in detail.shape)
    blocks = detail[:rows, :columns].reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK).mean((1, 3))
    if np.mean(blocks < 0.75) > 0.9:
        return "no detail"
    if np.median(blocks) > 65:
        return "noise or text"
    return None


def fingerprint(picture: RGB) -> int:
    """63 bits that stay nearly the same when a picture is resized, recoded or recoloured.

    The signs of the lowest 8x8 coefficients, without the mean, of the cosine transform of a 32x32 grey copy against
    their median (the perceptual hash pHash, Zauner 2010).
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()[1:]
    return int("".join("1" if bit else "0" for bit in low > np.median(low)), 2)


def near(one: int, other: int, bits: int = 8) -> bool:
    """Whether two fingerprints differ in at most `bits` of their 63: the same picture. Strangers differ in 32."""
    return (one ^ other).bit_count() <= min(bits, _BITS)
