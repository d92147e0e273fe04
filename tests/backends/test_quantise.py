"""int8 is used only where it is as good on the calibration; what was found is kept."""

from __future__ import annotations

import json
import sys
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from streamfix.backends import quantise
from streamfix.backends.base import Runner
from streamfix.backends.cache import Cache, read_parts, write_parts
from streamfix.backends.openvino import OpenVinoRunner, convert
from streamfix.backends.quantise import MOST_LOST_DB, Calibration, export_int8
from streamfix.backends.runner import open_runner
from streamfix.errors import ModelError, UsageError
from tests.backends.conftest import needs_nncf, needs_openvino, pictures, rms, unet

pytestmark = [needs_openvino, needs_nncf]

INPUTS = pictures(3, 16, 32, 32)


def calibration(network: nn.Module, error: float = 0.15, inputs: Tensor = INPUTS) -> Calibration:
    """Targets that the network misses by `error` times its result, RMS."""
    results = network(inputs)
    noise = torch.randn(results.shape, generator=torch.Generator().manual_seed(3))
    return Calibration(inputs, results + error * rms(results) * noise)


class Lopsided(nn.Sequential):
    """Most of its activations' range is taken by one channel that is never looked at: in int8 nothing is left."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        convolutions = [nn.Conv2d(*io, 3, padding=1) for io in ((16, 8), (8, 8), (8, 6))]
        super().__init__(convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU(), convolutions[2])
        self.requires_grad_(False)
        convolutions[0].weight[0] = 1000
        convolutions[1].weight[:, 0] = 0


def opened(cache: Cache, network: nn.Module | None = None, **more: Any) -> Runner:
    how: dict[str, Any] = {"key": "small", "backend": "openvino", "precision": "int8", "cache": cache}
    return open_runner(unet() if network is None else network, INPUTS[:1], **how | more)


@pytest.mark.slow
def test_a_good_one_is_used_found_again_and_loses_little(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    network = unet()
    given = calibration(network)
    runner = opened(cache, calibration=given)
    assert runner.name == "openvino int8"
    assert 0 < given.psnr(network) - given.psnr(runner) < MOST_LOST_DB
    x = pictures(2, 16, 20, 44)
    y = runner(x)
    assert 1e-4 < rms(y - network(x)) / rms(network(x)) < 0.05
    assert torch.allclose(torch.cat([runner(x[:1]), runner(x[1:])]), y, atol=1e-5)
    monkeypatch.setitem(sys.modules, "nncf", None)  # needed to make it, not to use it
    again = opened(cache)
    assert again.name == "openvino int8"
    assert torch.equal(again(x), y)
    assert opened(cache, calibration=calibration(network, 0.3)).name == "openvino int8"


def test_a_bad_one_is_not_used_and_the_figure_said(
    cache: Cache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Lopsided()
    runner = opened(cache, network, calibration=calibration(network))
    assert runner.name == "openvino fp32"
    assert torch.allclose(runner(INPUTS), network(INPUTS), atol=1e-5)
    (said,) = [r.getMessage() for r in caplog.records if "int8" in r.getMessage()]
    assert said.startswith("int8 is not used: it loses ") and "at most 0.15 are allowed" in said
    assert float(said.split()[6]) > 3
    caplog.clear()
    monkeypatch.setattr(quantise, "quantised_parts", None)  # the refusal is kept too
    assert opened(cache, network, calibration=calibration(network)).name == "openvino fp32"
    assert opened(cache, network).name == "openvino fp32"
    assert caplog.text.count("int8 is not used: it loses ") == 2


@pytest.mark.slow
def test_what_costs_most_stays_in_floating_point() -> None:
    torch.manual_seed(0)
    widths = (16, 8, 8, 8, 8, 8, 6)
    convolutions = [nn.Conv2d(*io, 3, padding=1) for io in pairwise(widths)]
    network = nn.Sequential(*(m for c in convolutions for m in (c, nn.ReLU())))[:-1].requires_grad_(False)
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight)
    convolutions[1].weight[0] = 20  # the range that the third layer sees, and does not use
    convolutions[2].weight[:, 0] = 0
    given = calibration(network, 0.3)
    facts = json.loads(quantise.quantised_parts(convert(network, INPUTS), given, "key")["facts"])
    (kept,) = facts["not_quantised"]
    assert kept.startswith("__module.4/")  # the third convolution: every other module is a rectifier
    assert facts["accepted"]
    alone = quantise.quantise(convert(network, INPUTS), given)
    assert facts["psnr_int8_db"] - given.psnr(OpenVinoRunner(alone, "int8")) > 1


@pytest.mark.parametrize(("lost", "accepted"), [(0.149, True), (0.151, False), (-1.0, True)])
def test_the_gate_stands_at_015_db(lost: float, accepted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = chain([30.0], repeat(30.0 - lost))  # whatever stays in floating point
    monkeypatch.setattr(Calibration, "psnr", lambda self, network: next(figures))
    parts = quantise.quantised_parts(convert(unet(), INPUTS), calibration(unet()), "key")
    assert quantise.is_accepted(parts) == accepted
    assert ("xml" in parts) == accepted


def test_psnr_counts_each_example_the_same() -> None:
    targets = torch.zeros(2, 6, 8, 8)
    given = Calibration(torch.zeros(2, 16, 8, 8), targets)
    errors = iter([0.1, 0.001])  # 20 and 60 dB
    assert given.psnr(lambda x: torch.full((1, 6, 8, 8), next(errors))) == pytest.approx(40)


@pytest.mark.slow
def test_another_calibration_makes_another(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Calibration] = []

    def counted(model: Any, given: Calibration, key: str) -> dict[str, bytes]:
        made.append(given)
        return original(model, given, key)

    original = quantise.quantised_parts
    monkeypatch.setattr(quantise, "quantised_parts", counted)
    one, other = calibration(unet()), calibration(unet(), 0.3)
    for given in (one, one, other, other):
        opened(cache, calibration=given)
    assert made == [one, other]


def test_the_first_and_the_last_layer_stay_as_they_are_and_stdout_free(capfd: pytest.CaptureFixture[str]) -> None:
    model = quantise.quantise(convert(unet(), INPUTS), calibration(unet()))
    assert capfd.readouterr().out == ""
    quantised = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() in ("Convolution", "ConvolutionBackpropData"):
            source = node.input_value(0).get_node().get_type_name()
            quantised[node.get_friendly_name().split("/")[0]] = source == "FakeQuantize"
    assert not quantised.pop("__module.head")
    assert not quantised.pop("__module.tail")
    assert len(quantised) == 6
    assert all(quantised.values())


@pytest.mark.slow
def test_auto_considers_int8_where_it_can_be_had(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    considered: list[list[str]] = []

    def choose(networks: dict[str, Runner], *_: Any) -> tuple[str, dict[str, float], bool]:
        considered.append([name for name in networks if not name.endswith("bf16")])
        return next(reversed(networks)), dict.fromkeys(networks, 1.0), True

    monkeypatch.setattr("streamfix.backends.runner.choose", choose)
    assert "int8" not in opened(cache, precision="auto").name
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "nncf", None)
        assert "int8" not in opened(cache, precision="auto", calibration=calibration(unet())).name
    assert opened(cache, precision="auto", calibration=calibration(unet())).name == "openvino int8"
    assert opened(cache, precision="auto").name == "openvino int8"
    assert [names for names in considered if "openvino int8" in names] == [["openvino fp32", "openvino int8"]] * 2


def test_nncf_missing_is_named(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(UsageError, match=r'int8: NNCF cannot be loaded .*; pip install "streamfix\[quantise\]"'):
        opened(cache, calibration=calibration(unet()))


def test_a_file_serves_those_without_nncf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, network = tmp_path / "small.int8", unet()
    export_int8(network, INPUTS, path, key="small", calibration=calibration(network))
    monkeypatch.setitem(sys.modules, "nncf", None)
    runner = opened(Cache(None), int8=path)
    assert runner.name == "openvino int8"
    assert rms(runner(INPUTS) - network(INPUTS)) < 0.05 * rms(network(INPUTS))
    with pytest.raises(ModelError, match=r"small\.int8 was made from weights small, these are other; export it again"):
        opened(Cache(None), key="other", int8=path)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ModelError, match=r"small\.int8 is no quantised network: it is damaged"):
        opened(Cache(None), int8=path)
    write_parts(path, {"xml": read_back(content, tmp_path)["xml"]})
    with pytest.raises(ModelError, match=r"small\.int8 is no quantised network: it has no 'facts'"):
        opened(Cache(None), int8=path)
    path.unlink()
    with pytest.raises(ModelError, match=r"small\.int8 is no quantised network: .*No such file"):
        opened(Cache(None), int8=path)


@pytest.mark.slow
def test_a_file_that_this_openvino_cannot_read_is_passed_over_unless_it_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, network = tmp_path / "small.int8", unet()
    export_int8(network, INPUTS, path, key="small", calibration=calibration(network))
    write_parts(path, dict(read_parts(path)) | {"xml": b"<net version='99'/>"})
    runner = opened(Cache(None), precision="auto", int8=path)
    assert runner.name in ("openvino fp32", "openvino bf16")
    assert "int8 is not used: OpenVINO" in caplog.text
    with pytest.raises(ModelError, match="cannot read the exported graph"):
        opened(Cache(None), int8=path)


def read_back(content: bytes, folder: Path) -> Any:
    (folder / "copy").write_bytes(content)
    return read_parts(folder / "copy")


def test_a_bad_one_is_not_exported(tmp_path: Path) -> None:
    network = Lopsided()
    with pytest.raises(ModelError, match=r"bad\.int8 is not written: int8 loses more than 0\.15 dB"):
        export_int8(network, INPUTS, tmp_path / "bad.int8", key="bad", calibration=calibration(network))
    assert not list(tmp_path.iterdir())


def test_a_network_without_a_middle_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(16, 8, 3), nn.Conv2d(8, 6, 3)).requires_grad_(False)
    with pytest.raises(ModelError, match="the network has 2"):
        quantise.quantise(convert(network, INPUTS), calibration(network))


@pytest.mark.parametrize(
    ("inputs", "targets"), [((2, 16, 8, 8), (3, 6, 8, 8)), ((16, 8, 8), (6, 8, 8)), ((0, 16, 8, 8),) * 2]
)
def test_a_calibration_that_is_none_is_refused(inputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a calibration is N inputs and N targets"):
        Calibration(torch.zeros(inputs), torch.zeros(targets))
