"""Pictures and packages for tests of training data: made here, nothing is downloaded."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from streamfix.training.dataset.clip_file import ClipPlanes, encode_clip

U8 = npt.NDArray[np.uint8]

#: A Debian package's file of copyrights, with a licence for each kind of place.
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2014 Somebody
License: GPL-2+

Files: 16.04/bridge_by_A.jpg
       16.04/sea.jpg
Copyright: 2018 A
License: CC-BY-SA-4.0

Files: external/photos/*
Copyright: none
License: CC0
 To the extent possible under law, all rights are waived.

Files: src/erase/resource/bear.jpg
Copyright: B
License: CC-BY-3.0

License: GPL-2+
 This package is free software.
"""


def photograph(seed: int, height: int = 400, width: int = 520) -> U8:
    """(H, W, 3) with a photograph's 1/f spectrum: many tones, detail at every scale. Seeds give other pictures."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 9):
        grain = rng.standard_normal((2**octave + 1, 2**octave + 1, 3)).astype(np.float32)
        picture += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) * 60 / octave
    return np.clip(picture + 128, 0, 255).astype(np.uint8)


def drawing(height: int = 400, width: int = 520) -> U8:
    """(H, W, 3) of a few flat colours."""
    picture = np.full((height, width, 3), (200, 220, 250), np.uint8)
    cv2.circle(picture, (width // 3, height // 2), height // 4, (220, 60, 40), -1)
    cv2.rectangle(picture, (width // 2, height // 4), (width - 20, height - 20), (40, 90, 60), -1)
    return picture


def coded(picture: U8, suffix: str = ".jpg") -> bytes:
    """An R'G'B' or R'G'B'A picture as the bytes of a file."""
    order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    return cv2.imencode(suffix, cv2.cvtColor(picture, order))[1].tobytes()


def save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def moving(seed: int, frames: int, height: int = 96, width: int = 128) -> ClipPlanes:
    """A shot: a photograph that moves a pixel a frame."""
    still = photograph(seed, height, width + frames)[..., 1] // 2 + 60
    y = np.stack([still[:, t : t + width] for t in range(frames)]).astype(np.uint8)
    chroma = np.full((frames, height // 2, width // 2), 120, np.uint8)
    return ClipPlanes(y, chroma, chroma + 16)


def joined(*clips: ClipPlanes) -> ClipPlanes:
    """One clip with cuts between the shots."""
    y, u, v = (np.concatenate([getattr(clip, name) for clip in clips]) for name in "yuv")
    return ClipPlanes(y, u, v)


def video(path: Path, *clips: ClipPlanes) -> Path:
    return save(path, encode_clip(joined(*clips), crf=8))


def wheel(path: Path, licence: str, files: dict[str, bytes]) -> Path:
    """A wheel that holds `files`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(
            "fake-1.0.dist-info/METADATA", f"Metadata-Version: 2.4\nName: fake\nLicense: {licence}\n\nText.\n"
        )
    return save(path, buffer.getvalue())


def qt_resources(folder: str, files: dict[str, bytes]) -> bytes:
    """Qt's binary resource format, version 1: one folder of files, stored as they are."""
    names, tree, contents = b"", b"", b""
    name_at = []
    for name in ("", folder, *files):
        name_at.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    tree += struct.pack(">IHII", name_at[0], 2, 1, 1) + struct.pack(">IHII", name_at[1], 2, len(files), 2)
    for at, data in zip(name_at[2:], files.values(), strict=True):
        tree += struct.pack(">IHHHI", at, 0, 0, 1, len(contents))
        contents += struct.pack(">I", len(data)) + data
    start = 20
    header = struct.pack(">4s4I", b"qres", 1, start, start + len(tree), start + len(tree) + len(contents))
    return header + tree + contents + names
