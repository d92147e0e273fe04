"""The filter `classic`: the networks of the literature, with random weights and with those that are shipped."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from streamfix import BadOption, ModelError, Tiler
from streamfix.backends import compiled
from streamfix.conformance.fakes import clip
from streamfix.conformance.laws import LAWS, restore
from streamfix.filters.base import Filter
from streamfix.models import WeightsStore
from streamfix.networks import bicubic_enlarged, bicubic_reduced
from streamfix.registry import Registry
from streamfix_classic import Classic, classics
from streamfix_classic import filter as module
from streamfix_classic.classics import CLASSICS, WEIGHTS, Name

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsStore:
    """Random weights for every network, and the filter made to use them."""
    sums = []
    for name in CLASSICS:
        torch.manual_seed(1)
        network = classics.network(name)
        last = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
        nn.init.normal_(last.weight)  # it would correct nothing else
        with torch.no_grad():
            answer = network(2 * torch.rand(1, 1, 32, 32) - 1)
        last.weight.data *= 0.03 / answer.abs().mean()
        path = tmp_path / f"{name}.safetensors"
        save_file(network.state_dict(), path)
        sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    made = WeightsStore(tmp_path, "classic", classics.network, tuple(CLASSICS), kind="network")
    monkeypatch.setattr(module, "WEIGHTS", made)
    return made


def classic(name: Name, **options: Any) -> Classic:
    return Classic(name, **{"backend": "torch", "precision": "fp32", **options})


@cache
def photograph() -> Tensor:
    """Luma of a sample clip's frame at half its size, so that its codec's artifacts are gone: (1, 1, 176, 304)."""
    with av.open(str(SAMPLES / "bunny.mp4")) as container:
        frame = next(iter(container.decode(video=0))).to_ndarray(format="gray")
    small = cv2.resize(frame, (304, 176), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small.astype(np.float32) / np.float32(255))[None, None]


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y).square().mean()))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    "name", ["fsrcnn", *(pytest.param(n, marks=pytest.mark.slow) for n in ("srcnn", "autoencoder", "swin"))]
)
def test_it_keeps_the_laws(store: WeightsStore, name: Name, law: str) -> None:
    LAWS[law](lambda: classic(name))


@pytest.mark.parametrize("name", CLASSICS)
def test_pictures_of_any_size_become_as_large_as_it_says(store: WeightsStore, name: Name) -> None:
    (frame,) = restore(lambda: classic(name), clip(1, 37, 21))
    scale = 1 if name in ("dncnn", "autoencoder") else 2
    assert (frame.width, frame.height) == (37 * scale, 21 * scale)
    x = torch.rand(1, 1, 1, 16, 24)
    made = classic(name)
    y = made(x, [None])
    assert y.shape == (1, 1, 1, 16 * scale, 24 * scale) and made.scale == scale
    base = bicubic_enlarged(x[:, 0], 2) if scale == 2 else x[:, 0]
    assert float((y[:, 0] - base).abs().max()) > 1e-4, "the network took no part in it"


@pytest.mark.parametrize("name", [n for n in CLASSICS if n not in ("vdsr", "dncnn")])
def test_seams_of_tiles_do_not_show(store: WeightsStore, name: Name) -> None:
    entry = CLASSICS[name]
    network, _ = store.load(name)
    x = torch.rand(1, 1, 32, 264)
    with torch.no_grad():
        whole, tiled = (Tiler(network, entry.info(), tile=side)(x) for side in (512, 200))
    assert torch.allclose(whole, tiled, atol=1e-5)


def test_the_interpolation_is_the_literatures() -> None:
    """Keys' kernel with a = -0.5: between two equal samples beside zeros it gives 9/16 of each, less 1/16 of the next.

    Doubling takes it a quarter and three quarters of a pixel away. Shrinking widens it by two.
    """

    def keys(x: float, a: float = -0.5) -> float:
        x = abs(x)
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0

    line = torch.zeros(1, 1, 1, 16)
    line[..., 8] = 1
    larger = bicubic_enlarged(line.expand(1, 1, 16, 16), 2)[0, 0, 8]
    assert larger[12:22].tolist() == pytest.approx([keys((i + 0.5) / 2 - 0.5 - 8) for i in range(12, 22)], abs=1e-5)
    smaller = bicubic_reduced(line.expand(1, 1, 16, 16), 2)[0, 0, 4]
    assert smaller.tolist() == pytest.approx([keys((2 * i + 0.5 - 8) / 2) / 2 for i in range(8)], abs=1e-5)


def test_a_network_without_weights_names_the_command_that_trains_it(tmp_path: Path) -> None:
    empty = WeightsStore(tmp_path / "weights", "classic", classics.network, tuple(CLASSICS), kind="network")
    with pytest.raises(
        ModelError,
        match=r"classic: no weights of network vdsr .* streamfix train classic --config .*recipes/vdsr\.toml --data",
    ):
        empty.choose("vdsr", torch.device("cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "network"),
        ({"0": "edsr"}, "'edsr' is not"),
        ({"0": "espcn", "backend": "opencl"}, "classic=backend: 'opencl' is not auto or"),
    ],
)
def test_bad_options_name_their_remedy(store: WeightsStore, options: dict[str, str], message: str) -> None:
    filters: Registry[Filter[Any]] = Registry("filter")
    filters.register("classic")(Classic)
    with pytest.raises(BadOption, match=message):
        filters.create("classic", options)


@pytest.mark.parametrize("name", WEIGHTS.shipped())
def test_each_shipped_network_has_its_card(name: Name) -> None:
    card = WEIGHTS.card(name).read_text(encoding="utf-8")
    assert WEIGHTS.shipped()[name] in card
    for part in ("Data", "Licence", "Steps", "Seed", "Published", "Limits"):
        assert part in card
    assert (WEIGHTS.folder / f"{name}.safetensors").stat().st_size < 3 << 20


@pytest.mark.parametrize("name", WEIGHTS.shipped())
def test_each_shipped_network_does_what_it_is_for(name: Name) -> None:
    clean = photograph()
    if CLASSICS[name].scale == 1:
        seen = clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
        before, gain_db = seen, 6.0
    else:
        seen = (bicubic_reduced(clean, 2) * 255).round() / 255
        before, gain_db = bicubic_enlarged(seen, 2), 0.5
    with torch.inference_mode():
        restored = classic(name)(seen[:, None], [None])[:, 0]
    assert psnr(restored, clean) > psnr(before, clean) + gain_db


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSICS)
def test_backends_agree(store: WeightsStore, name: Name) -> None:
    """OpenVINO in fp32 gives what PyTorch gives to a tenth of an 8-bit code, at sizes other than the exported one."""
    if not compiled.is_installed():
        pytest.skip('OpenVINO is an extra: pip install -e ".[openvino]"')
    x = torch.rand(1, 1, 1, 43, 58)
    with torch.inference_mode():
        a, b = (classic(name, backend=backend)(x, [None]) for backend in ("torch", "openvino"))
    assert float((a - b).abs().max()) < 0.1 / 255
