"""A run's state on disk: what was written comes back, what is damaged is named, a failed write harms nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from streamfix import ModelError
from streamfix.training import run_folder


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    state = {"step": 3, "network": {"weight": torch.rand(4, 3)}, "optimizer": {"groups": [{"lr": 0.1}]}}
    path = tmp_path / run_folder.CHECKPOINT
    run_folder.save_checkpoint(path, state)
    found = run_folder.load_checkpoint(path)
    assert torch.equal(found.pop("network")["weight"], state.pop("network")["weight"])  # type: ignore[index]
    assert found == state and [p.name for p in tmp_path.iterdir()] == [run_folder.CHECKPOINT]


@pytest.mark.parametrize("kept", [0, 5, 500])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / run_folder.CHECKPOINT
    run_folder.save_checkpoint(path, {"weight": torch.rand(100)})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"checkpoint.pt: damaged \(.*start again without --resume"):
        run_folder.load_checkpoint(path)


def test_a_file_of_something_else_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / run_folder.CHECKPOINT
    path.write_bytes(b"a run")
    with pytest.raises(ModelError, match="damaged"):
        run_folder.load_checkpoint(path)
    torch.save({"path": tmp_path}, path)  # nothing but tensors and plain values is ever unpickled
    with pytest.raises(ModelError, match="damaged"):
        run_folder.load_checkpoint(path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / run_folder.CHECKPOINT
    run_folder.save_checkpoint(path, {"step": 1})
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        run_folder.save_checkpoint(path, {"step": (n for n in range(3))})
    assert run_folder.load_checkpoint(path) == {"step": 1}
