"""The record of a stacked picture: all that is needed to make it again, and to see that it is the same."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from .. import __version__
from ..errors import InputError
from ..media.specs import InputSpec
from .backprojection import HUBER, LEAST_SIGMA
from .making import ROUNDS
from .pictures import png
from .stacked import Stacked, StackedFrame

_DIGITS = 12  # of a float: more than its picture depends on

LITERATURE = (
    "M. Irani, S. Peleg: Improving resolution by image registration. CVGIP: Graphical Models 53 (1991)",
    "G. Evangelidis, E. Psarakis: Parametric image alignment using enhanced correlation coefficient maximization. "
    "PAMI 30 (2008)",
    "P. J. Huber: Robust estimation of a location parameter. Annals of Mathematical Statistics 35 (1964)",
    "L. Rudin, S. Osher, E. Fatemi: Nonlinear total variation based noise removal algorithms. Physica D 60 (1992)",
    "N. Wiener: Extrapolation, interpolation, and smoothing of stationary time series (1949)",
)


def sidecar(stacked: Stacked, spec: InputSpec | None, input_sha256: str | None) -> bytes:
    """Canonical JSON (UTF-8, sorted, no spaces): the same bytes for the same run; no time, no folder.

    spec: what was read; None for frames of a program. input_sha256: of the file, as `file_sha256` gives it.
    """
    return (
        json.dumps(record(stacked, spec, input_sha256), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        + "\n"
    ).encode()


def record(stacked: Stacked, spec: InputSpec | None, input_sha256: str | None) -> dict[str, Any]:
    """The same as an object."""
    rgb = stacked.rgb()
    return {
        "kind": "streamfix stack",
        "format": 1,
        "input": None if spec is None else _input(spec, input_sha256),
        "versions": {
            "streamfix": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "pyav": av.__version__,
            "ffmpeg": {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())},
        },
        "machine": {"processor": platform.machine(), "threads": 1},
        "parameters": {
            **stacked.parameters,
            "huber": HUBER,
            "least_sigma": LEAST_SIGMA,
            "registration_rounds": ROUNDS,
            "decoder_threads": 1,
        },
        "frames": [_frame(one) for one in stacked.frames],
        "result": {
            "width": rgb.shape[1],
            "height": rgb.shape[0],
            "pix_fmt": stacked.frame.picture.format.name,
            "frames_kept": stacked.kept,
            "rgb_sha256": hashlib.sha256(rgb.tobytes()).hexdigest(),
            "png_sha256": hashlib.sha256(png(rgb)).hexdigest(),
        },
        "restored": True,
        "literature": list(LITERATURE),
    }


def file_sha256(path: str) -> str:
    """Of a file's bytes. Raises InputError."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def _input(spec: InputSpec, sha256: str | None) -> dict[str, Any]:
    return {
        "name": spec.shown.rpartition("/")[2],
        "sha256": sha256,
        "start_s": None if spec.start_s is None else str(spec.start_s),
        "duration_s": None if spec.duration_s is None else str(spec.duration_s),
    }


def _frame(one: StackedFrame) -> dict[str, Any]:
    return {
        "number": one.number,
        "pts": one.pts,
        "time_base": str(one.time_base),
        "kept": one.kept,
        "reason": one.reason or None,
        "to_frame": None if one.to_frame is None else [[_rounded(v) for v in row] for row in one.to_frame],
        "correlation": _rounded(one.correlation),
        "sharpness": _rounded(one.sharpness),
        "weight": _rounded(one.weight),
        "residual": None if one.residual is None else _rounded(one.residual),
        "picture_type": one.picture_type,
        "qp": None if one.qp is None else _rounded(one.qp),
    }


def _rounded(value: float) -> float:
    return float(f"{float(value):.{_DIGITS}g}")
