"""Lists of segments: they name the files that were made, and one run's list never replaces another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix.media.output.muxer import Muxer
from tests.media.make import clip, run

KINDS = ("m3u8", "csv", "txt", "ffconcat")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("source") / "in.mkv", frames=40, options={"g": "10"})


def segments(source: Path, folder: Path, kind: str, name: str = "r%d.mkv", **options: str) -> None:
    given = {"segment_time": "0.4", "segment_list": str(folder / f"all.{kind}"), **options}
    run(source, folder / name, format="segment", format_options=given, video_options={"g": "10", "sc_threshold": "0"})


def listed(path: Path) -> list[str]:
    """The names in a list."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("#", "ffconcat"))]
    return [line.removeprefix("file ").partition(",")[0] for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_replaces_no_older_one(
    source: Path, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a%d.mkv", "b%d.mkv"):
        segments(source, tmp_path, kind, name)
    assert listed(tmp_path / f"all.{kind}") == ["a0.mkv", "a1.mkv", "a2.mkv", "a3.mkv"]
    assert listed(tmp_path / f"all.1.{kind}") == ["b0.mkv", "b1.mkv", "b2.mkv", "b3.mkv"]
    told = f"all.{kind} lists the segments of an earlier run; the list of this one is {tmp_path}/all.1.{kind}"
    assert [told in message for message in caplog.messages] == [True]
    assert {p.name for p in tmp_path.glob("all*")} == {f"all.{kind}", f"all.1.{kind}"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_names_the_files_that_were_made(source: Path, tmp_path: Path, kind: str) -> None:
    """The clock gives all of them one name, and so does that of a run before."""
    for _ in range(2):
        segments(source, tmp_path, kind, "r_%Y.mkv", strftime="1")
    made = sorted((p.name for p in tmp_path.glob("r_*.mkv")), key=lambda name: (len(name), name))
    assert len(made) == 8
    assert listed(tmp_path / f"all.{kind}") == made[:4]
    assert listed(tmp_path / f"all.1.{kind}") == made[4:]


@pytest.mark.parametrize("kind", ["m3u8", "csv"])
def test_a_short_list_has_the_newest(source: Path, tmp_path: Path, kind: str) -> None:
    segments(source, tmp_path, kind, "r_%Y.mkv", strftime="1", segment_list_size="2")
    made = sorted((p.name for p in tmp_path.glob("r_*.mkv")), key=lambda name: (len(name), name))
    assert listed(tmp_path / f"all.{kind}") == made[-2:]


def test_a_list_that_may_be_replaced_is(source: Path, tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("old\n")
    given = {"segment_time": "0.4", "segment_list": str(tmp_path / "all.csv")}
    run(source, tmp_path / "r%d.mkv", format="segment", format_options=given, overwrite=True)
    assert "old" not in (tmp_path / "all.csv").read_text()
    assert [p.name for p in tmp_path.glob("all*")] == ["all.csv"]


def test_no_empty_list_stays_where_nothing_was_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Muxer) -> None:
        raise ValueError("before the header")

    monkeypatch.setattr(Muxer, "start", fails)
    with pytest.raises(ValueError, match="before the header"):
        segments(source, tmp_path, "csv")
    assert list(tmp_path.iterdir()) == []
