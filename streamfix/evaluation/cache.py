"""Keeps what peers reached: they stay as they are while our models change."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import OutputError
from ..folders import user_cache_folder
from .clip import Bytes

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The figures of one run and one of its pictures: R'G'B' (H, W, 3) uint8."""

    row: Row
    picture: Bytes


def default_folder() -> Path:
    """Within the user's cache, see `streamfix.folders`. Raises OutputError for a user without a home."""
    folder = user_cache_folder()
    if folder is None:
        raise OutputError("peers' results have no place: this user has no home folder; set XDG_CACHE_HOME to a folder")
    return folder / "evaluation"


class ResultStore:
    """A folder with two files for each run, named by the hash of all that decides its result."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: {error.strerror}; name another folder with --cache") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{folder}: it is not writable; name another folder with --cache")

    def _path(self, what: Mapping[str, Any]) -> Path:
        return self._folder / hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]

    def get(self, what: Mapping[str, Any]) -> Kept | None:
        """What was kept for this description, None if nothing was."""
        path = self._path(what)
        try:
            row = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["row"]
            bgr = cv2.imdecode(np.fromfile(path.with_suffix(".png"), np.uint8), cv2.IMREAD_COLOR)
        except FileNotFoundError:
            return None
        if bgr is None:
            raise OSError(f"{path.with_suffix('.png')} is damaged; delete it")
        return Kept(row, np.asarray(bgr[..., ::-1], np.uint8))

    def put(self, what: Mapping[str, Any], kept: Kept) -> None:
        """Keep a run, so that other processes see all of it or nothing."""
        path = self._path(what)
        _, png = cv2.imencode(".png", np.ascontiguousarray(kept.picture[..., ::-1]))
        self._write(path.with_suffix(".png"), png.tobytes())
        self._write(path.with_suffix(".json"), json.dumps({"what": what, "row": kept.row}, indent=1).encode())

    def _write(self, path: Path, data: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            file.write(data)
        os.replace(file.name, path)
