"""`streamfix train quantise`: an int8 graph of trained weights, made with the dataset."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from streamfix.apps.cli import main
from streamfix.backends.cache import Cache
from streamfix.backends.runner import open_runner
from streamfix.models import correction_network, example
from streamfix.training import quantise_command, run_folder
from streamfix.training.dataset.dataset import Material
from tests.backends.conftest import needs_nncf, needs_openvino

CONFIG = """
[schedule]
steps = 1
[recipe]
tier = "xs"
crop = 64
margin = 8
frames = 10
long_frames = 12
[[stages]]
until = 1.0
[stages.mix]
gaussian = 1.0
"""


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command, its files there; the set is one random photograph."""
    picture = cv2.resize(np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8), (240, 180))
    set_ = Material({"one": np.asarray(picture, np.uint8)}, {})
    monkeypatch.setattr(quantise_command, "material", lambda data, held_out: lambda: set_)
    torch.manual_seed(1)
    network = correction_network("xs")
    torch.nn.init.normal_(network.tail.weight, std=0.05)  # it is zero in a network that has learnt nothing
    run_folder.export_weights(network, tmp_path / "w.safetensors", {})
    (tmp_path / "c.toml").write_text(CONFIG, encoding="utf-8")
    files = ["--config", str(tmp_path / "c.toml"), "--weights", str(tmp_path / "w.safetensors"), "--data", "set.tar"]
    return ["train", "quantise", "denoise", *files, "--out", str(tmp_path / "xs.int8"), "--samples", "6"]


@needs_openvino
@needs_nncf
def test_the_graph_runs_as_the_weights_it_was_made_from(words: list[str], tmp_path: Path) -> None:
    assert main(words) == 0
    network = correction_network("xs")
    network.load_state_dict(run_folder.load_weights(tmp_path / "w.safetensors"))
    network.eval().requires_grad_(False)
    key = hashlib.sha256((tmp_path / "w.safetensors").read_bytes()).hexdigest()
    x = example()[..., :64, :64]
    runner = open_runner(network, x, key=key, precision="int8", int8=tmp_path / "xs.int8", cache=Cache(None))
    assert runner.name == "openvino int8"
    exact = network(x)
    assert 0 < float((runner(x) - exact).square().mean().sqrt()) < 0.1 * float(exact.square().mean().sqrt())


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--samples", "0", "--samples 0: it takes 1 or more"),
        ("--out", "no/such/xs.int8", "there is no folder no/such; make it first"),
        ("--weights", "no.safetensors", "no.safetensors"),
    ],
)
def test_what_is_wrong_is_named(
    option: str, value: str, message: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, option, value]) == 1
    assert message in capsys.readouterr().err


def test_weights_of_another_tier_are_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder.export_weights(correction_network("s"), tmp_path / "w.safetensors", {})
    assert main(words) == 1
    said = capsys.readouterr().err
    assert "w.safetensors: of another network than the recipe's" in said
    assert "give the configuration that they were trained with" in said
    assert not (tmp_path / "xs.int8").exists()
