"""`match`: tone and colour of a reference, held over a shot, and undone again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from streamfix import BadOption, Filter, InputError
from streamfix.chainspec import FilterSpec, filter_text, parse_chain
from streamfix.conformance.laws import LAWS
from streamfix.frame import Color, Frame, PixelFormat, Planes
from streamfix.jobs.chain import restore_stage
from streamfix_match import Match
from streamfix_match.transport import FLATTEST, STEEPEST, transport
from tests.analysis.material import scene

HEIGHT, WIDTH = 64, 96


def view(seed: int = 3) -> Any:
    """A coloured scene, R'G'B' (H, W, 3) in [0, 1]."""
    parts = [np.asarray(scene(seed + i, HEIGHT, WIDTH), np.float32) for i in range(3)]
    mean = sum(parts) / 3
    return np.stack([0.15 + 0.7 * (0.75 * mean + 0.25 * part) for part in parts], -1)


def other_camera(rgb: Any) -> Any:
    """The same, as a camera with another gamma, white balance and saturation shows it."""
    grey = rgb.mean(-1, keepdims=True)
    return np.clip((grey + 0.6 * (rgb - grey)) ** 1.5 * np.array([1.0, 0.9, 0.75], np.float32) + 0.03, 0, 1)


def written(path: Path, rgb: Any) -> Path:
    cv2.imwrite(str(path), np.rint(rgb[..., ::-1] * 255).astype(np.uint8))
    return path


def frame(rgb: Any, pts: int = 0, cut: bool = False) -> Frame:
    """As 4:4:4 made 4:2:0, BT.709, limited range."""
    y = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    cb, cr = (rgb[..., 2] - y) / 1.8556, (rgb[..., 0] - y) / 1.5748
    small = [
        cv2.resize(np.asarray(c, np.float32), (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for c in (cb, cr)
    ]
    codes = [16 + 219 * y, *(128 + 224 * c for c in small)]
    data = tuple(np.clip(np.rint(c), 0, 255).astype(np.uint8) for c in codes)
    planes = Planes(PixelFormat("yuv420p", "yuv", 8, 1, 1), WIDTH, HEIGHT, data)
    return Frame(planes, pts, Fraction(1, 25), color=Color(matrix=1, full_range=False), cut=cut)


def matched(reference: Path, frames: list[Frame], strength: float = 1.0) -> list[Any]:
    stage = restore_stage([spec(reference, strength)], "cpu")
    assert stage is not None
    found = [f for one in frames for f in stage.push(one)]
    found += list(stage.flush())
    stage.close()
    return [f.picture.planes(f.color).data for f in found]


def spec(reference: Path, strength: float = 1.0) -> FilterSpec:
    (one,) = parse_chain(filter_text("match", {"reference": str(reference), "strength": strength}))
    return one


def apart(one: Any, other: Any) -> float:
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(one, other, strict=True)]))


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return written(tmp_path / "reference.png", view())


# -- laws


def test_another_cameras_picture_comes_to_look_like_the_reference(reference: Path) -> None:
    wanted, given = frame(view()), frame(other_camera(view()))
    (found,) = matched(reference, [given])
    before = apart(given.picture.planes(given.color).data, wanted.picture.planes(wanted.color).data)
    assert apart(found, wanted.picture.planes(wanted.color).data) < 0.2 * before


def test_the_reference_itself_stays_about_as_it_is(reference: Path) -> None:
    given = frame(view())
    (found,) = matched(reference, [given])
    assert apart(found, given.picture.planes(given.color).data) < 1.5


def test_it_is_held_over_a_shot_and_found_anew_behind_a_cut(reference: Path) -> None:
    first, other = other_camera(view()), np.clip(other_camera(view()) * 0.5, 0, 1)
    held = matched(reference, [frame(first), frame(other, 1), frame(first, 2)])
    assert all((a == b).all() for a, b in zip(held[0], held[2], strict=True))
    alone = matched(reference, [frame(other)])[0]
    anew = matched(reference, [frame(first), frame(other, 1, cut=True)])[1]
    assert all((a == b).all() for a, b in zip(anew, alone, strict=True))
    assert apart(held[1], alone) > 5


def test_no_strength_is_no_change(reference: Path) -> None:
    given = frame(other_camera(view()))
    (found,) = matched(reference, [given], strength=0)
    assert all((a == b).all() for a, b in zip(found, given.picture.planes(given.color).data, strict=True))


def test_curve_and_map_are_bounded_and_can_be_undone() -> None:
    rng = np.random.default_rng(1)
    luma, chroma = rng.uniform(0.4, 0.45, 4000), rng.normal(0, 0.001, (4000, 2))
    found = transport(luma, chroma, rng.uniform(0, 1, 4000), rng.normal(0.1, 0.2, (4000, 2)))
    slopes = np.diff(found.values) / np.diff(found.levels)
    assert slopes.min() >= FLATTEST - 1e-9 and slopes.max() <= STEEPEST + 1e-9
    assert np.abs(np.linalg.eigvalsh(found.matrix)).max() <= STEEPEST + 1e-9
    levels = np.linspace(-0.1, 1.1, 77)
    assert found.undone(found.luma(levels)) == pytest.approx(levels, abs=1e-9)


@pytest.mark.parametrize("rule", LAWS)
def test_it_keeps_the_laws(rule: str, tmp_path: Path) -> None:
    path = str(written(tmp_path / "reference.png", view()))

    def make() -> Filter[Any]:
        return Match(path)

    LAWS[rule](make)


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    for name, data in (("no.png", None), ("text.png", b"no picture"), ("empty.png", b"")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=r"match=reference: .*(name a picture|no picture that OpenCV reads)"):
            Match(str(tmp_path / name))
    with pytest.raises(BadOption, match="match=strength"):
        Match(str(written(tmp_path / "r.png", view())), strength=2)
