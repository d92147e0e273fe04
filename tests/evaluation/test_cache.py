"""What peers reached is kept, and found again only for the same question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamfix.errors import OutputError
from streamfix.evaluation.cache import Kept, ResultStore, default_folder
from streamfix.evaluation.measure import Bench
from tests.evaluation.material import Blur, moving

PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    cache = ResultStore(tmp_path / "deep" / "folder")
    cache.put({"peer": "a", "grid": [1, 2]}, Kept({"psnr_y": 31.5, "moving_y": None}, PICTURE))
    found = ResultStore(tmp_path / "deep" / "folder").get({"grid": [1, 2], "peer": "a"})
    assert found is not None
    assert found.row == {"psnr_y": 31.5, "moving_y": None}
    assert np.array_equal(found.picture, PICTURE)
    assert cache.get({"peer": "a", "grid": [1, 3]}) is None


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="name another folder with --cache"):
        ResultStore(tmp_path / "file" / "cache")


def test_damage_is_told(tmp_path: Path) -> None:
    cache = ResultStore(tmp_path)
    cache.put({"peer": "a"}, Kept({}, PICTURE))
    (picture,) = tmp_path.glob("*.png")
    picture.write_bytes(b"no picture")
    with pytest.raises(OSError, match="is damaged; delete it"):
        cache.get({"peer": "a"})


def test_a_peer_runs_once_for_the_same_clip_and_version(tmp_path: Path) -> None:
    clip, cache = moving(8), ResultStore(tmp_path)
    first, second = Blur(), Blur()
    a = Bench([first], [], cache).measure("gaussian-20", "street", clip)
    b = Bench([second], [], cache).measure("gaussian-20", "street", clip)
    assert first.calls and not second.calls
    assert a.rows == b.rows
    assert np.array_equal(a.pictures["blur"], b.pictures["blur"])
    for other in (Blur(version="2"), Blur(excerpt=None)):
        Bench([other], [], cache).measure("gaussian-20", "street", clip)
        assert other.calls
    Bench([second], [], cache).measure("gaussian-30", "street", clip)
    assert second.calls


def test_nobody_restores_what_is_clean(tmp_path: Path) -> None:
    peer = Blur()
    found = Bench([peer], ["smooth"], ResultStore(tmp_path)).measure("clean", "street", moving(8))
    assert list(found.rows) == ["truth", "input", "smooth"]
    assert not peer.calls


def test_without_a_home_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamfix.evaluation.cache.user_cache_folder", lambda: None)
    with pytest.raises(OutputError, match="set XDG_CACHE_HOME"):
        default_folder()
