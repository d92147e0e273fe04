"""A network that was opened before is opened again as it was, without PyTorch; and anew where anything has changed."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from streamfix import cores
from streamfix.backends import remembered
from streamfix.backends.cache import Cache
from streamfix.backends.remembered import entry_name, recall
from streamfix.backends.runner import open_runner
from streamfix.devices import cpu
from tests.backends.conftest import needs_openvino, pictures, unet
from tests.media.make import clip

pytestmark = needs_openvino


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_it_gives_the_same_again(cache: Cache, precision: str) -> None:
    x = pictures(2, 16, 24, 32)
    first = open_runner(unet(), x, key="k", backend="openvino", precision=precision, cache=cache, remember_as="it")  # type: ignore[arg-type]
    again = recall(cache, "it")
    if again is None:  # timings of a busy machine are not kept, and then no choice is
        assert precision == "auto"
        return
    assert again.name == first.name
    assert np.array_equal(again(x.numpy()), first(x).numpy())
    assert recall(cache, "another") is None


def test_what_pytorch_runs_is_not_remembered(cache: Cache) -> None:
    open_runner(unet(), pictures(1, 16, 24, 32), key="k", backend="torch", cache=cache, remember_as="it")
    assert recall(cache, "it") is None


@pytest.mark.parametrize("parts", [{}, {"precision": b"fp64"}, {"precision": b"fp32", "xml": b"no graph", "bin": b""}])
def test_an_entry_that_is_no_use_is_left_alone(
    cache: Cache, parts: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    cache.write("it", parts)
    with caplog.at_level(logging.WARNING):
        assert recall(cache, "it") is None
    assert ("opened anew" in caplog.text) == ("xml" in parts)


def test_the_name_says_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [entry_name("denoise", "s", "sha"), entry_name("denoise", "s", "other"), entry_name("deblock", "s", "sha")]
    monkeypatch.setattr(remembered, "version", lambda package: "9")
    names.append(entry_name("denoise", "s", "sha"))
    monkeypatch.setattr(cores, "threads", lambda: 99)
    names.append(entry_name("denoise", "s", "sha"))
    monkeypatch.setattr(cpu, "identity", lambda: "another")
    names.append(entry_name("denoise", "s", "sha"))
    assert len(set(names)) == len(names)


@pytest.mark.slow
@pytest.mark.parametrize("filter", [f"{name}=precision=fp32" for name in ("denoise", "deblock", "upscale")])
def test_the_second_start_loads_no_pytorch(filter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = clip(tmp_path / "in.mkv", frames=4)

    def start(out: Path) -> str:
        words = ["-y", "-i", str(source), "-vf", filter, str(out)]
        program = f"import sys; from streamfix.apps.cli import main; print(main({words!r}), 'torch' in sys.modules)"
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert start(tmp_path / "first.y4m").split() == ["0", "True"]
    assert start(tmp_path / "second.y4m").split() == ["0", "False"]
    assert (tmp_path / "first.y4m").read_bytes() == (tmp_path / "second.y4m").read_bytes()
