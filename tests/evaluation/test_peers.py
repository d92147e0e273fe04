"""Programs of others, where they are installed, and clear words where they are not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from streamfix.errors import BadOption, UnknownName
from streamfix.evaluation.metrics import psnr_planes
from streamfix.evaluation.peers import DEBLOCKERS, NAMES, VS_PYTHON, PeerError, classical, make
from streamfix.evaluation.peers.base import run_program
from streamfix.evaluation.suites import degrade
from tests.evaluation.material import moving
from tests.media.make import needs_ffmpeg


@pytest.mark.ffmpeg
@needs_ffmpeg
@pytest.mark.parametrize("name", ["hqdn3d", "atadenoise", "nlmeans"])
def test_the_search_begins_where_a_filter_takes_noise_away(name: str) -> None:
    degraded = degrade("gaussian-20", "street", moving(8, step=0))
    peer = make(name)
    out = peer(degraded, {axis.name: axis.values[axis.start] for axis in peer.axes(degraded)}).clip
    before, after = (psnr_planes(degraded.truth, clip, 2) for clip in (degraded.noisy, out))
    assert after[0] > before[0] + 2 and after[1] > before[1] + 2


@pytest.mark.ffmpeg
@needs_ffmpeg
def test_luma_and_chroma_of_nlmeans_have_strengths_of_their_own() -> None:
    degraded = degrade("gaussian-20", "street", moving(4))
    peer = make("nlmeans")
    weak, strong = ({"s": 10, "p": 5, "r": 9, "chroma_s": s, "chroma_p": 5} for s in (1, 20))
    a, b = peer(degraded, weak).clip, peer(degraded, strong).clip
    assert (a.y == b.y).all() and not (a.u == b.u).all()


@pytest.mark.ffmpeg
@needs_ffmpeg
@pytest.mark.parametrize("name", DEBLOCKERS)
def test_deblockers_smooth_across_blocks_and_keep_what_is_told_to_stay(name: str) -> None:
    """With every parameter at one end of its grid a deblocker does little, at the other it changes the picture."""
    degraded = degrade("x264-36", "street", moving(4))
    peer = make(name)
    weak, strong = ({axis.name: axis.values[end] for axis in peer.axes(degraded)} for end in (0, -1))
    little, much = (abs(peer(degraded, p).clip.y.astype(int) - degraded.noisy.y).mean() for p in (weak, strong))
    assert 2 * little < much


def test_a_community_network_is_the_filter_model(tmp_path: Path) -> None:
    """Whatever its file is called: the path goes through a chain's quoting."""
    weights: dict[str, torch.Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    for i, (inside, outside) in enumerate([(1, 8), *[(8, 8)] * 15, (8, 1)]):
        weights[f"model.{2 * i}.weight"] = torch.randn((outside, inside, 3, 3), generator=generator) * 0.05
        weights[f"model.{2 * i}.bias"] = torch.zeros(outside)
    weights["model.32.weight"] *= 0
    weights["model.32.bias"] += 20 / 255  # the noise that it finds: 20 codes everywhere
    path = tmp_path / "it's, a=b:c.pth"
    torch.save(weights, path)
    degraded = degrade("gaussian-20", "street", moving(2))
    peer = make(f"model={path}")
    out = peer(degraded, {"sigma": 20.0}).clip
    assert (peer.name, peer.kind) == ("it's, a=b:c", "network")
    lower = degraded.noisy.y.astype(int).clip(20) - 20
    assert abs(out.y.astype(int) - lower).max() <= 1
    assert (out.u == degraded.noisy.u).all()  # one channel: the luma


def test_a_missing_program_is_named() -> None:
    with pytest.raises(PeerError, match="no-such-program is not on the PATH; install it"):
        run_program(["no-such-program"], moving(2))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit('I am broken')", "ended with 1: I am broken"),
        ("pass", "0 bytes are not whole"),
        ("import sys; sys.stdout.buffer.write(bytes(64 * 48 * 3 // 2))", "1 frames came back for 2"),
    ],
)
def test_a_program_that_fails_is_quoted(code: str, says: str) -> None:
    read = "import sys; sys.stdin.buffer.read(); "
    with pytest.raises(PeerError, match=says):
        run_program([sys.executable, "-c", read + code], moving(2))


@pytest.fixture
def _no_vapoursynth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VS_PYTHON, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("_no_vapoursynth")
def test_without_vapoursynth_the_remedy_is_told() -> None:
    with pytest.raises(PeerError, match=r"vapoursynth-mvtools and vapoursynth-nlm-ispc .*STREAMFIX_VS_PYTHON"):
        make("degrain3")


@pytest.mark.usefixtures("_no_vapoursynth")
def test_without_vapoursynth_the_others_are_left() -> None:
    names, missing = classical()
    assert names == ("hqdn3d", "atadenoise", "nlmeans")
    assert "install vapoursynth" in missing


def test_an_interpreter_without_vapoursynth_is_told(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="cannot load VapourSynth"):
        make("nlmeans-vs", vs_python=_without(tmp_path))
    with pytest.raises(PeerError, match="gone: No such file"):
        make("nlmeans-vs", vs_python=str(tmp_path / "gone"))


def _without(folder: Path) -> str:
    """An interpreter that surely has no VapourSynth, isolated from what is installed here."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_unknown_peers_and_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no peer 'bm3d'; there are: hqdn3d, .*dvdnet=SPATIAL:TEMPORAL"):
        make("bm3d")
    with pytest.raises(BadOption, match="name its weights, as in fastdvdnet=FILE"):
        make("fastdvdnet")
    with pytest.raises(BadOption, match="two files are needed"):
        make("dvdnet=a.pth")
    with pytest.raises(PeerError, match="there is no such file; name a file of weights"):
        make(f"model={tmp_path / 'gone.pth'}")
    assert len(set(NAMES)) == len(NAMES)
