"""Recordings: which files are a stream's, which of them go, and the folders that they need."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.access.urls import Allowed
from streamfix.apps.daemon.config.config import OutputConfig, StreamConfig
from streamfix.apps.daemon.config.job import job_spec
from streamfix.apps.daemon.config.values import age_s, size_bytes
from streamfix.apps.daemon.recordings.catalogue import Catalogue, Recording, open_files
from streamfix.apps.daemon.recordings.keeper import Keeper, catalogue_of
from streamfix.apps.daemon.recordings.names import names_of, wrong_folder
from streamfix.apps.daemon.recordings.retention import FRESH_S, Limits, too_many
from streamfix.errors import InputError
from tests.apps.daemon.engine import stream_config
from tests.fakes.clock import Clock

CLOCK = {"strftime": "1", "segment_time": "60"}
NOW_S = 1_800_000_000.0
DAY_S = 86400.0


def segments(folder: Path, pattern: str = "yard_%Y%m%d-%H%M%S.mp4", name: str = "yard", **keep: str) -> StreamConfig:
    output = OutputConfig(f"{folder}/{pattern}", format="segment", options=CLOCK)
    return stream_config(name, outputs=(output,), retention=keep)


def recorded(path: Path, age_s: float, size: int = 1_000_000) -> Path:
    """A recording that was last written so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    os.utime(path, (NOW_S - age_s, NOW_S - age_s))
    return path


class House:
    """A keeper with clocks of its own."""

    def __init__(self, folder: Path, *configs: StreamConfig) -> None:
        self.wall, self.steady = Clock(NOW_S), Clock(5000.0)
        self.configs = list(configs)
        allowed = Allowed(folders=(folder,))
        self.keeper = Keeper(
            lambda: self.configs, lambda c: catalogue_of(c, Secrets({}), allowed), self.wall, self.steady
        )

    def sweep(self, after_s: float = 120.0) -> None:
        self.wall.now_s += after_s
        self.steady.now_s += after_s
        self.keeper.tick()


# -- laws


@given(
    st.lists(st.tuples(st.floats(-1e4, 1e6), st.integers(0, 10**9), st.booleans()), max_size=12),
    st.none() | st.floats(60, 1e6),
    st.none() | st.integers(10**6, 10**10),
)
def test_only_old_or_surplus_recordings_go_and_never_what_is_written(
    files: list[tuple[float, int, bool]], age: float | None, most: int | None
) -> None:
    found = [Recording(str(i), Path(str(i)), NOW_S - a, size, (1, i)) for i, (a, size, _) in enumerate(files)]
    found.sort(key=lambda one: one.changed_s)
    writing = {(1, i) for i, (_, _, open_) in enumerate(files) if open_}
    doomed = [one for one, _ in too_many(found, Limits(age, most), NOW_S, writing)]
    left = [one for one in found if one not in doomed]
    free = [one for one in left if one.identity not in writing and NOW_S - one.changed_s >= FRESH_S]
    assert not any(one.identity in writing or NOW_S - one.changed_s < FRESH_S for one in doomed)
    assert age is None or not any(NOW_S - one.changed_s > age for one in free)
    assert most is None or not free or sum(one.bytes for one in left) <= most
    if most is None:
        assert all(age is not None and NOW_S - one.changed_s > age for one in doomed)
    if doomed and free:
        assert max(one.changed_s for one in doomed) <= min(one.changed_s for one in free), "the oldest first"
    if doomed and age is None and most is not None:
        assert sum(one.bytes for one in left) + doomed[-1].bytes > most, "none more than needed"


@pytest.mark.parametrize("at_s", [0.0, 951_782_400.0, NOW_S, 4_000_000_000.0])
@pytest.mark.parametrize(
    "name", ["y_%Y%m%d-%H%M%S.mp4", "%F/y_%H%M%S.mp4", "%Y/%m/%d/y%H.%M.%S.mkv", "y_%s.ts", "%Y-%j/%y%m%d %H%M%S%%.mp4"]
)
def test_whatever_an_output_names_is_its_own(at_s: float, name: str) -> None:
    names = names_of(f"/rec/{name}", "segment", CLOCK)
    assert names is not None
    made = Path(time.strftime(name, time.localtime(at_s)))
    assert names.match(made.parts)
    assert names.start_s(made.parts) == at_s
    for beside in (
        f"{made.stem}.1{made.suffix}",
        f"{made.stem}.partial{made.suffix}",
        f"{made.stem}.2.partial-3{made.suffix}",
    ):
        assert names.match(made.with_name(beside).parts)


@pytest.mark.parametrize(
    "name",
    [
        "yard_20261131-120000.mp4.txt",
        "yard_20261331-120000.mp4",
        "yard_20261130-126000.mp4",
        "xyard_20261130-120000.mp4",
        "yard_20261130-120000.MP4",
        "yard_20261130-120000.jpg",
        "yard_2026113-1200000.mp4",
        "yard_20261130-120000 (copy).mp4",
        "notes.mp4",
        "",
    ],
)
def test_what_an_output_cannot_have_made_is_not_ours(name: str) -> None:
    names = names_of("/rec/yard_%Y%m%d-%H%M%S.mp4", "segment", CLOCK)
    assert names is not None and not names.match((name,))


def test_only_a_segmenter_reads_percent_signs() -> None:
    plain, numbered = names_of("/rec/100%d.mp4", None, {}), names_of("/rec/y_%03d.mp4", "segment", {})
    assert plain is not None and numbered is not None
    assert plain.match(("100%d.mp4",)) and not plain.match(("1007.mp4",))
    assert numbered.match(("y_007.mp4",)) and numbered.match(("y_12345.mp4",)) and not numbered.match(("y_x.mp4",))
    assert names_of("/rec/y.m3u8", None, {}) is None, "a playlist keeps its own house"
    assert names_of("/rec/y.m3u8", "hls", {}) is None


# -- the disk


@pytest.fixture
def rec(tmp_path: Path) -> Path:
    folder = tmp_path / "rec"
    folder.mkdir()
    return folder


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def test_by_age_what_is_not_ours_stays(rec: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = recorded(rec / "yard_20260101-120000.mp4", 9 * DAY_S, 2_500_000)
    kept = {
        recorded(rec / name, 9 * DAY_S)
        for name in ("holiday.mp4", "yard_20260101.mp4", "sub/yard_20260101-120000.mp4", "gate_20260101-120000.mp4")
    }
    young = recorded(rec / "yard_20270101-120000.mp4", 6 * DAY_S)
    outside = recorded(rec.parent / "outside.mp4", 9 * DAY_S)
    (rec / "yard_20260102-120000.mp4").symlink_to(outside)
    (rec / "yard_20260103-120000.mp4").mkdir()
    with caplog.at_level(logging.INFO):
        House(rec, segments(rec, max_age="7d")).sweep()
    assert not old.exists()
    assert all(path.exists() for path in (*kept, young, outside, rec / "yard_20260103-120000.mp4"))
    assert (rec / "yard_20260102-120000.mp4").is_symlink()
    (said,) = [r.message for r in caplog.records if "deleted" in r.message]
    assert said == f"yard: deleted {old}, 2.5 MB: retention.max_age = 7d"


def test_by_size_the_oldest_go_until_the_rest_fits(rec: Path) -> None:
    for hour in range(6):
        recorded(rec / f"yard_20260101-0{hour}0000.mp4", (10 - hour) * 3600)
    House(rec, segments(rec, max_size="3.5MB")).sweep()
    assert left(rec) == [f"yard_20260101-0{hour}0000.mp4" for hour in (3, 4, 5)]


def test_what_is_open_or_fresh_stays(rec: Path) -> None:
    being_written = recorded(rec / "yard_20260101-120000.mp4", 30 * DAY_S)
    fresh = recorded(rec / "yard_20260102-120000.mp4", -90.0)  # 30 s old at the sweep
    gone = recorded(rec / "yard_20260103-120000.mp4", 30 * DAY_S)
    with being_written.open("ab") as file:
        assert (os.fstat(file.fileno()).st_dev, os.fstat(file.fileno()).st_ino) in open_files()
        House(rec, segments(rec, max_age="1min", max_size="1MB")).sweep()
    assert (being_written.exists(), fresh.exists(), gone.exists()) == (True, True, False)


def test_a_name_that_two_streams_may_give_is_deleted_for_neither(rec: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = recorded(rec / "cam_20260101-120000.mp4", 9 * DAY_S)
    mine = recorded(rec / "cam_20260101-235959.mp4", 9 * DAY_S)
    house = House(
        rec,
        segments(rec, "cam_%Y%m%d-%H%M%S.mp4", max_age="1d"),
        segments(rec, "cam_%Y%m%d-%S%M%H.mp4", "gate"),
    )
    for _ in range(3):
        house.sweep()
    assert (path.exists(), mine.exists()) == (True, False), "59 is no hour: only yard can have made that"
    said = [r.message for r in caplog.records if r.levelno >= logging.ERROR]
    assert said == [f"yard: {path} may be another stream's too, and is kept; give each stream names of its own"]


def test_a_clock_that_goes_ahead_deletes_nothing_for_its_age(rec: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = recorded(rec / "yard_20260101-120000.mp4", 3600)
    house = House(rec, segments(rec, max_age="7d"))
    house.sweep()
    house.wall.now_s += 365 * DAY_S  # the battery of the clock is empty
    house.sweep()
    assert path.exists()
    assert "the clock has gone ahead by 525600 min; no recording is deleted" in caplog.text
    house.wall.now_s -= 365 * DAY_S  # NTP has put it right
    house.sweep(3700)
    assert path.exists()
    house.sweep(8 * DAY_S)
    assert not path.exists(), "time that passes is another thing"


def test_a_folder_that_cannot_be_read_deletes_nothing_and_is_told_once(
    rec: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Catalogue) -> list[Recording]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Catalogue, "find", broken)
    house = House(rec, segments(rec, max_age="7d"))
    for _ in range(3):
        house.sweep()
    said = [r.message for r in caplog.records if r.levelno >= logging.ERROR]
    assert said == ["yard: its recordings cannot be listed, so none is deleted: [Errno 5] Input/output error"]


def test_a_file_that_took_the_place_of_a_recording_is_not_removed(rec: Path) -> None:
    path = recorded(rec / "yard_20260101-120000.mp4", DAY_S)
    catalogue = catalogue_of(segments(rec), Secrets({}), Allowed(folders=(rec,)))
    (found,) = catalogue.find()
    path.rename(rec / "moved.mp4")
    recorded(path, 0)
    catalogue.remove(found)
    assert path.exists()


# -- folders of the day


def test_folders_are_made_before_they_are_needed_and_go_when_they_are_empty(rec: Path) -> None:
    config = segments(rec, "%Y-%m-%d/%H/yard_%M%S.mp4", max_age="1d")
    house = House(rec, config)
    now, soon = (time.strftime("%Y-%m-%d/%H", time.localtime(NOW_S + s)) for s in (120, 120 + 3600))
    house.sweep()
    assert (rec / now).is_dir() and not (rec / soon).exists()
    house.sweep(3600 - 240 - 120)
    assert (rec / soon).is_dir(), "minutes before the hour"
    recorded(rec / "2026-01-01/12/yard_0000.mp4", 9 * DAY_S)
    keep = recorded(rec / "2026-01-02/12/notes.txt", 9 * DAY_S)
    recorded(rec / "2026-01-02/13/yard_0000.mp4", 9 * DAY_S)
    (rec / "empty").mkdir()
    house.sweep()
    assert not (rec / "2026-01-01").exists()
    assert keep.exists() and not (rec / "2026-01-02/13").exists()
    assert (rec / "empty").is_dir() and (rec / soon).is_dir()


def test_the_first_folder_is_there_before_the_first_segment(rec: Path) -> None:
    config = segments(rec, "%Y/%j/yard_%H%M%S.mp4")
    spec = job_spec(config, Secrets({}), Allowed(folders=(rec,)))
    assert Path(time.strftime(spec.outputs[0].url)).parent.is_dir()


def test_no_folder_is_made_where_the_disk_is_not_mounted(rec: Path) -> None:
    House(rec, segments(rec / "disk", "%F/yard_%H%M%S.mp4")).sweep()
    assert left(rec) == [] and not (rec / "disk").exists()


@pytest.mark.parametrize(
    ("path", "format", "options", "want"),
    [
        ("/rec/%F/y_%H%M%S.mp4", None, {}, 'needs format = "segment"'),
        ("/rec/%F/y_%H%M%S.mp4", "segment", {"segment_time": "60"}, 'needs format = "segment"'),
        ("/rec/%H%M/y_%S.mp4", "segment", CLOCK, "minutes and seconds belong in the file's name"),
        ("/rec/%03d/y_%S.mp4", "segment", CLOCK, "minutes and seconds belong in the file's name"),
        ("/rec/%F/yard.mp4", "segment", CLOCK, "the file's name must vary too"),
        ("/rec/%F/yard_%H%M%S.mp4", "segment", CLOCK, ""),
        ("/rec/yard_%H%M%S.mp4", None, {}, ""),
    ],
)
def test_folders_that_cannot_work_are_told(path: str, format: str | None, options: dict[str, str], want: str) -> None:
    said = wrong_folder(path, format, options)
    assert want in said and bool(want) == bool(said)


# -- the table


@pytest.mark.parametrize(
    ("text", "want"), [("14d", 14 * DAY_S), ("36h", 36 * 3600.0), ("2 weeks", 14 * DAY_S), ("1.5 days", 1.5 * DAY_S)]
)
def test_ages(text: str, want: float) -> None:
    assert age_s(text) == want


@pytest.mark.parametrize(
    ("given", "want"), [("500GB", 5 * 10**11), ("2TiB", 2**41), ("1.5G", 15 * 10**8), (5_000_000, 5_000_000)]
)
def test_sizes(given: str | int, want: int) -> None:
    assert size_bytes(given) == want


@pytest.mark.parametrize("text", ["", "0d", "30s", "d", "7 moons", "-1d", "nan", "1e9d", 7])
def test_wrong_ages(text: object) -> None:
    with pytest.raises(ValueError, match='as in "14d"'):
        age_s(text)


@pytest.mark.parametrize("text", ["", "0", "10kB", "GB", "1 elephant", "-5GB", True, float("inf")])
def test_wrong_sizes(text: object) -> None:
    with pytest.raises(ValueError, match='as in "500GB"'):
        size_bytes(text)


def test_a_recording_is_opened_by_its_own_name_alone(rec: Path) -> None:
    recorded(rec / "2026-01-01" / "yard_120000.mp4", DAY_S, 7)
    (rec.parent / "secret_120000.mp4").write_bytes(b"CANARY")
    (rec / "2026-01-02").symlink_to(rec.parent)
    (rec / "2026-01-01" / "yard_130000.mp4").symlink_to(rec.parent / "secret_120000.mp4")
    os.mkfifo(rec / "2026-01-01" / "yard_140000.mp4")
    catalogue = catalogue_of(segments(rec, "%F/yard_%H%M%S.mp4"), Secrets({}), Allowed(folders=(rec,)))
    os.close(catalogue.open("1/2026-01-01/yard_120000.mp4"))
    for name in (
        "", "1", "1/", "0/2026-01-01/yard_120000.mp4", "2/2026-01-01/yard_120000.mp4", "²/2026-01-01/yard_120000.mp4",
        "1/../secret_120000.mp4", "1/2026-01-01/../2026-01-01/yard_120000.mp4", "1//yard_120000.mp4",
        "1/2026-01-02/yard_120000.mp4", "1/2026-01-01/yard_130000.mp4", "1/2026-01-01/yard_140000.mp4",
        "1/2026-01-01/yard_120000.mp4/", "1/2026-01-01/yard_120000.mp4\0", "/etc/passwd",
        "1/2026-01-03/yard_120000.mp4",
    ):  # fmt: skip
        with pytest.raises(InputError):
            catalogue.open(name)
