"""The samples beside the classes run as they stand."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import streamfix
from streamfix.conformance.fakes import ListSink, ListSource, clip
from streamfix.conformance.laws import LAWS
from streamfix.pipeline import Pipeline, Stage


def sample(documented: Any, **known: Any) -> dict[str, Any]:
    """The names that the first indented block of a docstring leaves behind once it is run."""
    paragraphs = (inspect.getdoc(documented) or "").split("\n")
    begin = next(i for i, line in enumerate(paragraphs) if line.startswith("    "))
    end = next(i for i, line in enumerate(paragraphs) if i > begin and line and not line.startswith(" "))
    names = {"streamfix": streamfix, "torch": torch, **known}
    exec(compile(textwrap.dedent("\n".join(paragraphs[begin:end])), documented.__name__, "exec"), names)
    return names


@pytest.mark.parametrize("law", LAWS)
def test_the_filter_of_the_docstring_keeps_every_law(law: str) -> None:
    LAWS[law](sample(streamfix.Filter, Tensor=Tensor, Sequence=Sequence)["Echo"])


def test_the_stage_of_the_docstring_is_one() -> None:
    stage = sample(Stage, Stage=Stage, Frame=streamfix.Frame, Any=Any, Iterable=Iterable)["EverySecond"]()
    frames, sink = clip(5), ListSink()
    Pipeline(ListSource([*frames, "a packet"]), stage, sink).run_inline()
    assert sink.items == [frames[0], frames[2], frames[4], "a packet"]


def test_the_loop_of_the_docstring_shows_every_picture() -> None:
    pictures = list(np.random.default_rng(0).integers(0, 256, (5, 36, 48, 3), np.uint8))

    class Camera:
        def __init__(self) -> None:
            self.left = list(pictures)

        def read(self) -> tuple[bool, Any]:
            return (True, self.left.pop(0)) if self.left else (False, None)

    shown: list[Any] = []
    kept: list[Any] = []
    recording = [np.vstack((p[..., 0], p[:18, :, 1])) for p in pictures]  # NV12: half as many lines of chroma
    sample(streamfix.Stream, camera=Camera(), show=shown.append, recording=recording, keep=kept.append)
    assert [picture.shape for picture in shown] == [(36, 48, 3)] * 5
    assert [picture.shape for picture in kept] == [(54, 48)] * 5
