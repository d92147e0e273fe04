"""Reading on in the middle of an input."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from streamfix.boundary import Boundary
from streamfix.errors import InputError
from streamfix.frame import Frame
from streamfix.jobs.segments import Plan, plan_of
from streamfix.jobs.segments.source import StretchSource, mark_of
from streamfix.media.input.keyframes import pictures_of
from streamfix.media.input.reader import Reader
from streamfix.media.specs import InputSpec
from tests.jobs.segments.material import cut_clip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_clip(tmp_path_factory.mktemp("clip") / "in.mp4", frames=40)


@pytest.fixture
def plan(path: Path) -> Plan:
    return plan_of(pictures_of(InputSpec(str(path)), 0), Fraction(2, 5), warm_up=7)


def opened(path: Path) -> Reader:
    return Reader([InputSpec(str(path))], audio=False)


class Misled(Reader):
    """Begins somewhere else than it is told, as with a wrong index."""

    def begin_at(self, at_s: Fraction) -> None:
        super().begin_at(at_s + 1)


def read(source: StretchSource) -> list[Frame | Boundary]:
    try:
        return list(source)
    finally:
        source.close()


def marks(items: list[Frame | Boundary]) -> list[str]:
    return [mark_of(item) for item in items if isinstance(item, Frame)]


def test_a_stretch_from_the_middle_is_the_end_of_the_whole(path: Path, plan: Plan) -> None:
    """Frames bit for bit; boundaries say what was seen right before them."""
    whole = read(StretchSource(lambda: opened(path), plan.segments))
    places = [i for i, item in enumerate(whole) if isinstance(item, Boundary)]
    assert [i - n for n, i in enumerate(places)] == [10, 20, 30]
    boundary = whole[places[1]]
    assert isinstance(boundary, Boundary)
    assert boundary.tail == marks(whole)[16:20]
    rest = read(StretchSource(lambda: opened(path), plan.segments[2:], tail=boundary.tail))
    assert marks(rest) == marks(whole)[20:]
    assert not any(item.cut for item in rest if isinstance(item, Frame))


def test_a_warm_up_comes_before(path: Path, plan: Plan) -> None:
    whole = marks(read(StretchSource(lambda: opened(path), plan.segments)))
    found = marks(read(StretchSource(lambda: opened(path), plan.segments[2:3], warm_up=True)))
    assert found == whole[20 - 7 :]


def test_a_wrong_index_is_noticed_and_the_input_read_from_its_beginning(
    path: Path, plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    whole = read(StretchSource(lambda: opened(path), plan.segments))
    boundary = next(item for item in whole if isinstance(item, Boundary) and item.index == 2)
    readers = [Misled([InputSpec(str(path))], audio=False), opened(path)]
    found = read(StretchSource(lambda: readers.pop(0), plan.segments[2:], tail=boundary.tail))
    assert marks(found) == marks(whole)[20:]
    assert "its index does not lead to 0.800 s; it is read from its beginning" in caplog.text


def test_another_input_is_noticed(path: Path, plan: Plan) -> None:
    with pytest.raises(InputError, match=r"the pictures before 0\.800 s are not those that this job saw there"):
        read(StretchSource(lambda: opened(path), plan.segments[2:], tail=["other"]))
