"""Writes a dataset: stills as WebP, clips as near-lossless H.264, in no more bytes than allowed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import OutputError, UsageError
from .clip_file import ClipPlanes, encode_clip
from .manifest import Entry, manifest_path, write_manifest

__all__ = ["ClipItem", "StillItem", "shrink_to", "write_dataset"]

RGB = npt.NDArray[np.uint8]

_BLOCK = 512  # of a tar: each member has a header of one block and is padded to whole blocks


@dataclass(frozen=True)
class StillItem:
    """A photograph for the dataset. picture: uint8 (H, W, 3) R'G'B', clean already; the rest as in manifest.Entry."""

    name: str
    picture: RGB
    source: str
    licence: str
    split: str = "train"


@dataclass(frozen=True)
class ClipItem:
    """A clip of one shot for the dataset; the fields as in StillItem."""

    name: str
    planes: ClipPlanes
    source: str
    licence: str
    split: str = "train"


def shrink_to(picture: RGB, pixels: int) -> RGB:
    """The picture (H, W, 3) shrunk by area to at most `pixels`, its sides even; a smaller one is only made even."""
    height, width = picture.shape[:2]
    factor = min(1.0, (pixels / (height * width)) ** 0.5)
    size = (int(width * factor) // 2 * 2, int(height * factor) // 2 * 2)
    if factor == 1.0:
        return picture[: size[1], : size[0]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def write_dataset(
    path: str | Path,
    stills: Sequence[StillItem],
    clips: Sequence[ClipItem],
    *,
    max_bytes: int = 60 << 20,
    max_pixels: int = 1_600_000,
    quality: int = 95,
    crf: float = 11,
) -> list[Entry]:
    """Write the tar at `path` and its manifest beside it; return the manifest's rows.

    Where the tar would be over `max_bytes`, the largest stills are shrunk until it fits: many photographs are worth
    more than large ones. Equal inputs give equal bytes. quality: of WebP, 1 to 100; crf: of x264.
    Raises UsageError where a name comes twice or where it cannot fit, OutputError where it cannot be written.
    """
    path = Path(path)
    names = [f"stills/{s.name}.webp" for s in stills] + [f"clips/{c.name}.mkv" for c in clips]
    if twice := {n for n in names if names.count(n) > 1}:
        raise UsageError(f"{path}: two members named {min(twice)}; give each its own name")
    videos = [encode_clip(clip.planes, crf) for clip in clips]
    room = max_bytes - sum(map(_in_tar, videos)) - 2 * _BLOCK - tarfile.RECORDSIZE
    pictures = _fit(stills, room, max_pixels, quality, path)
    entries = []
    for still, (data, picture) in zip(stills, pictures, strict=True):
        entries.append(_entry(f"stills/{still.name}.webp", data, picture.shape[:2], 1, still))
    for clip, data in zip(clips, videos, strict=True):
        frames, height, width = clip.planes.y.shape
        entries.append(_entry(f"clips/{clip.name}.mkv", data, (height, width), frames, clip))
    try:
        with tarfile.open(path, "w:", format=tarfile.USTAR_FORMAT) as tar:
            for entry, data in zip(entries, [p for p, _ in pictures] + videos, strict=True):
                member = tarfile.TarInfo(entry.file)  # without owner and time
                member.size = entry.bytes
                tar.addfile(member, io.BytesIO(data))
        write_manifest(manifest_path(path), entries)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; check the folder, its permissions and its space") from error
    return entries


def _fit(stills: Sequence[StillItem], room: int, max_pixels: int, quality: int, path: Path) -> list[tuple[bytes, RGB]]:
    """(WebP, picture) of each still, at the largest common pixel limit that needs at most `room` bytes."""
    if room < 0:
        raise UsageError(f"{path}: the clips alone are {-room} bytes too many; raise --max-bytes, or take fewer clips")
    pixels = max_pixels
    pictures = [shrink_to(s.picture, pixels) for s in stills]
    encoded = [_webp(p, quality) for p in pictures]
    while (total := sum(map(_in_tar, encoded))) > room:
        if pixels < 64 * 64:
            raise UsageError(f"{path}: {len(stills)} stills do not fit in {max(room, 0)} bytes; raise --max-bytes")
        pixels = int(pixels * max(0.5, min(0.95, room / total)))
        for i, still in enumerate(stills):
            if pictures[i].shape[0] * pictures[i].shape[1] > pixels:
                pictures[i] = shrink_to(still.picture, pixels)
                encoded[i] = _webp(pictures[i], quality)
    return list(zip(encoded, pictures, strict=True))


def _webp(picture: RGB, quality: int) -> bytes:
    done, data = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise OutputError(f"OpenCV cannot write WebP of {picture.shape[1]}x{picture.shape[0]}; install a full OpenCV")
    return data.tobytes()


def _in_tar(data: bytes) -> int:
    return _BLOCK + -(-len(data) // _BLOCK) * _BLOCK


def _entry(file: str, data: bytes, size: tuple[int, ...], frames: int, item: StillItem | ClipItem) -> Entry:
    digest = hashlib.sha256(data).hexdigest()
    height, width = size
    return Entry(file, len(data), digest, width, height, frames, item.source, item.licence, item.split)
