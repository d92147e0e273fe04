"""A daemon that starts anew, after a crash, a reload or a power cut, loses no recording to the new one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streamfix.apps.daemon.config.job import beginning
from streamfix.media.output.target import Target
from streamfix.media.specs import OutputSpec


def test_a_file_that_is_there_gets_a_neighbour(tmp_path: Path) -> None:
    yard = tmp_path / "yard.cam.mkv"
    seen = []
    for _ in range(4):
        url = beginning(OutputSpec(str(yard))).url
        seen.append(Path(url).name)
        Path(url).write_bytes(b"pictures")
    assert seen == ["yard.cam.mkv", "yard.cam.1.mkv", "yard.cam.2.mkv", "yard.cam.3.mkv"]
    again = OutputSpec(str(yard), overwrite=True)
    assert beginning(again) == again


def test_segments_go_on_behind_the_last(tmp_path: Path) -> None:
    pattern = str(tmp_path / "yard_%03d.mkv")
    assert beginning(OutputSpec(pattern, format="segment")).format_options == {"segment_start_number": "0"}
    for number in (0, 1, 7):
        (tmp_path / f"yard_{number:03}.mkv").touch()
    found = beginning(OutputSpec(pattern, format="segment"))
    assert (found.format_options, found.overwrite) == ({"segment_start_number": "8"}, False)


@pytest.mark.parametrize("name", ["yard_%Y-%m-%d_%H%M%S.mp4", "%Y-%m-%d/yard_%H%M%S.mp4", "%d/yard.mp4"])
def test_by_the_clock_a_d_is_the_day_and_no_number(tmp_path: Path, name: str) -> None:
    spec = OutputSpec(str(tmp_path / name), format="segment", options={"strftime": "1", "segment_time": "60"})
    assert beginning(spec).format_options.get("segment_start_number") is None


def test_a_number_in_the_folder_alone_is_not_counted(tmp_path: Path) -> None:
    spec = OutputSpec(str(tmp_path / "part%d" / "yard.ts"), format="segment")
    assert beginning(spec).format_options.get("segment_start_number") is None


def test_segments_named_by_the_clock_keep_their_pattern(tmp_path: Path) -> None:
    """A run that begins anew within the same year: the muxer sees to it, segment by segment."""
    named = OutputSpec(str(tmp_path / "yard_%Y.mkv"), format="segment", format_options={"strftime": "1"})
    Path(time.strftime(named.url)).touch()
    assert beginning(named) == named


def test_a_playlist_goes_on_where_it_ended(tmp_path: Path) -> None:
    playlist = tmp_path / "yard.m3u8"
    for _ in range(2):
        found = beginning(OutputSpec(str(playlist)))
        assert found.format_options == {"hls_flags": "program_date_time+append_list"}
        Target(found.url, "hls", [], found.overwrite)  # is not refused
        playlist.touch()


def test_a_dash_manifest_gets_a_neighbour_with_segments_of_its_own(tmp_path: Path) -> None:
    manifest = tmp_path / "yard.mpd"
    assert beginning(OutputSpec(str(manifest))) == OutputSpec(str(manifest))
    manifest.touch()
    found = beginning(OutputSpec(str(manifest)))
    assert found.url == str(tmp_path / "yard.1.mpd")
    assert {name[:7] for name in found.format_options.values()} == {"yard.1-"}
    Target(found.url, "dash", [], found.overwrite)


@pytest.mark.parametrize("url", ["/dev/null", "rtmp://127.0.0.1/live/x", "udp://239.0.0.1:5000"])
def test_what_is_no_recording_is_what_it_was(url: str) -> None:
    spec = OutputSpec(url, format="mpegts")
    assert beginning(spec) == spec
