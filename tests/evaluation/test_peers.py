"""Programs of others, where they are installed, and clear words where they are not."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from streamfix.errors import BadOption, UnknownName
from streamfix.evaluation.clip import Bytes, Clip
from streamfix.evaluation.metrics import psnr_planes
from streamfix.evaluation.peers import (
    DEBLOCKERS,
    NAMES,
    SHARPENERS,
    VS_PYTHON,
    PeerError,
    PeerMissing,
    PeerUnfit,
    classical,
    make,
    restored_by,
)
from streamfix.evaluation.peers.base import run_program
from streamfix.evaluation.suites import Degraded, degrade
from streamfix.evaluation.tuning import tune_peer
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
def test_hqdn3d_can_do_nothing_and_all_that_it_allows() -> None:
    degraded = degrade("gaussian-20", "street", moving(4))
    peer = make("hqdn3d")
    for shown in (degraded, degrade("clean", "street", moving(4))):
        assert all((axis.values[0], axis.values[-1]) == (0.001, 254) for axis in peer.axes(shown))
    out = peer(degraded, {axis.name: axis.values[0] for axis in peer.axes(degraded)}).clip
    assert all((a == b).all() for a, b in zip(out.planes(), degraded.noisy.planes(), strict=True))


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


def luma_error(degraded: Degraded, clip: Clip) -> float:
    return float(((clip.y.astype(float) - degraded.truth.y) ** 2)[:, 8:-8, 8:-8].mean())


def test_bicubic_is_what_came_in_and_says_where_it_has_no_use() -> None:
    degraded = degrade("sr-x2", "street", moving(2))
    peer = make("bicubic")
    out = peer(degraded, {}).clip
    assert all((a == b).all() for a, b in zip(out.planes(), degraded.shown().planes(), strict=True))
    with pytest.raises(PeerUnfit, match="peer bicubic enlarges, and suite clean leaves the size"):
        peer(degrade("clean", "street", moving(2)), {})


@pytest.mark.ffmpeg
@needs_ffmpeg
@pytest.mark.parametrize("name", ["lanczos", "unsharp"])
def test_ffmpegs_scaler_is_near_bicubic_and_leaves_chroma_where_it_is(name: str) -> None:
    """(By its own choice the scaler moves chroma by half a sample.)"""
    texture = moving(2, 160, 96)
    degraded = degrade("sr-x2", "street", Clip(texture.y, texture.y[:, ::2, ::2], texture.y[:, 1::2, ::2]))
    out = make(name)(degraded, {"amount": 0, "size": 3}).clip
    assert out.size == degraded.truth.size
    inner = (slice(None), slice(8, -8), slice(8, -8))
    for plane, wanted in zip(out.planes(), degraded.shown().planes(), strict=True):
        there, beside = (np.abs(plane[inner].astype(int) - np.roll(wanted, n, 2)[inner]).mean() for n in (0, 1))
        assert there < min(2.5, 0.2 * beside)
    with pytest.raises(PeerUnfit, match="peer lanczos enlarges, and suite clean leaves the size"):
        make("lanczos")(degrade("clean", "street", moving(2)), {})


@pytest.mark.ffmpeg
@needs_ffmpeg
@pytest.mark.parametrize("name", SHARPENERS)
@pytest.mark.parametrize("suite", ["motion-blur-4", "sr-x2"])
def test_sharpeners_keep_what_is_told_to_stay_and_gain_in_between(name: str, suite: str) -> None:
    degraded = degrade(suite, "street", moving(6, 160, 112))
    peer = make(name)
    none = {axis.name: axis.values[0] for axis in peer.axes(degraded)}
    tuned = tune_peer(peer, degraded)
    kept, sharp = (restored_by(peer, degraded, p).clip for p in (none, tuned.parameters))
    if suite == "motion-blur-4":
        assert (np.abs(kept.y.astype(int) - degraded.noisy.y) <= (0 if name == "unsharp" else 8)).all()
        assert luma_error(degraded, sharp) < luma_error(degraded, degraded.noisy)
    assert kept.size == degraded.truth.size
    assert not tuned.at_edge and luma_error(degraded, sharp) <= luma_error(degraded, kept)


@pytest.mark.ffmpeg
@needs_ffmpeg
def test_a_peer_that_keeps_the_size_is_followed_by_bicubic() -> None:
    degraded = degrade("sr-coded", "street", moving(3, 128, 96))
    found = restored_by(make("pp"), degraded, {"quantiser": 4})
    assert found.clip.size == degraded.truth.size


# -- ncnn


def ncnn_files(folder: Path, half: bool = True) -> Path:
    """A network that enlarges twice: (x - 0.5) * 1 + 0.5 through every kind of layer that carries weights."""
    lines = [
        "7767517",
        "8 8",
        "Input            data   0 1 data",
        "MemoryData       mean   0 1 mean 0=1 1=1 2=3",
        "BinaryOp         sub    2 1 data mean low 0=1",
        "Convolution      conv   1 1 low wide 0=12 1=3 4=1 5=1 6=324",
        "PReLU            act    1 1 wide kept 0=12",
        "PixelShuffle     big    1 1 kept large 0=2",
        "Swish            unused 1 1 low other",
        "BinaryOp         add    1 1 large output 0=0 1=1 2=5.000000e-01",
    ]
    param = folder / "net.param"
    param.write_text("\n".join(lines) + "\n", "ascii")
    kernel = np.zeros((12, 3, 3, 3), np.float32)
    for i in range(12):
        kernel[i, i // 4, 1, 1] = 1  # each of four sub-pixels is the pixel itself
    weights = struct.pack("<3f", 0.5, 0.5, 0.5)
    weights += struct.pack("<I", 0x01306B47 if half else 0) + kernel.astype("<f2" if half else "<f4").tobytes()
    weights += np.zeros(12, "<f4").tobytes() + np.ones(12, "<f4").tobytes()
    param.with_suffix(".bin").write_bytes(weights)
    return param


@pytest.mark.parametrize("half", [True, False])
def test_a_network_of_ncnn_is_read_with_its_weights(tmp_path: Path, half: bool) -> None:
    peer = make(f"ncnn={ncnn_files(tmp_path, half)}")
    assert (peer.name, peer.kind) == ("net", "network")
    degraded = degrade("sr-x2", "street", moving(2, 64, 48))
    out = peer(degraded, {}).clip
    assert out.size == degraded.truth.size
    wanted = degraded.noisy.y.repeat(2, 1).repeat(2, 2)
    assert np.abs(out.y.astype(int) - wanted)[:, 4:-4, 4:-4].max() <= 2
    with pytest.raises(PeerUnfit, match="peer net makes 64x48 where 32x24 are wanted"):
        restored_by(peer, degrade("clean", "street", moving(2, 32, 24)), {})


def test_broken_files_of_ncnn_are_told(tmp_path: Path) -> None:
    param = ncnn_files(tmp_path)
    whole, text = param.with_suffix(".bin").read_bytes(), param.read_text("ascii")
    for weights, says in (
        (whole[:-4], "ends 4 bytes early; download it again"),
        (whole + bytes(8), "8 bytes are left over; it belongs to another"),
        (whole[:12] + b"abcd" + whole[16:], "weights of kind 0x64636261; only 16 and 32-bit"),
    ):
        param.with_suffix(".bin").write_bytes(weights)
        with pytest.raises(PeerError, match=says):
            make(f"ncnn={param}")
    param.with_suffix(".bin").write_bytes(whole)
    for words, says in (
        (text.replace("Swish ", "Einsum"), "layer Einsum is not known here; there are: Input"),
        (text.replace("7767517", "777"), "does not begin with 7767517"),
        (text.replace("0=12 1=3", "0=x 1=3"), "download it and net.bin again"),
        (text.replace("0=12 1=3", "1=3"), "layer Convolution lacks its value 0"),
    ):
        param.write_text(words, "ascii")
        with pytest.raises(PeerError, match=says):
            make(f"ncnn={param}")
    param.write_bytes(b"\xff\xfe")
    with pytest.raises(PeerError, match=r"no \.param file of ncnn in text form"):
        make(f"ncnn={param}")
    with pytest.raises(PeerError, match=r"No such file or directory; name a \.param file"):
        make(f"ncnn={tmp_path / 'gone.param'}")


# -- OpenCV's networks


class FakeSuperres:
    """What OpenCV's module does, as far as it is used: nearest neighbours in the place of a network."""

    def readModel(self, path: str) -> None:  # noqa: N802  # OpenCV's name
        assert Path(path).is_file()

    def setModel(self, algorithm: str, scale: int) -> None:  # noqa: N802
        self.scale = scale

    def upsample(self, picture: Bytes) -> Bytes:
        return picture.repeat(self.scale, 0).repeat(self.scale, 1)


def test_opencvs_networks_see_the_luma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(DnnSuperResImpl_create=FakeSuperres)
    monkeypatch.setattr(cv2, "dnn_superres", module, raising=False)
    (tmp_path / "FSRCNN_x2.pb").write_bytes(b"a graph")
    peer = make(f"fsrcnn={tmp_path / 'FSRCNN_x2.pb'}")
    degraded = degrade("sr-x2", "street", moving(2))
    out = peer(degraded, {}).clip
    assert (peer.name, peer.kind) == ("FSRCNN_x2", "network")
    assert (out.y == degraded.noisy.y.repeat(2, 1).repeat(2, 2)).all()
    assert (out.u == degraded.shown().u).all()
    with pytest.raises(PeerError, match=r"there is no such file; name a \.pb file of espcn"):
        make(f"espcn={tmp_path / 'gone.pb'}")


def test_an_opencv_without_the_module_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "dnn_superres", raising=False)
    with pytest.raises(PeerMissing, match="without its module dnn_superres; opencv-contrib-python of release 4 has it"):
        make("fsrcnn=FSRCNN_x2.pb")


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
