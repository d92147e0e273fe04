"""Zones of a configured stream: read, written down, burnt in, and refused where they are wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import streamfix
from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.config.config import ConfigError, stream_from
from streamfix.apps.daemon.config.job import job_spec
from streamfix.apps.daemon.config.spec import StreamConfig, read_stream
from streamfix.errors import BadOption, UsageError
from streamfix.jobs import build_job
from streamfix.media.privacy.zones import Zone
from tests.apps.daemon.test_config import BODY, HTTP, OPEN, complaints, read, stream
from tests.media.secrets import ZONES, secret_clip, touched

ZONE = "[[0.1, 0.2], [0.4, 0.2], [0.4, 0.6]]"
TEXT = "0.1 0.2, 0.4 0.2, 0.4 0.6"


def test_zones_are_a_table_by_name(tmp_path: Path) -> None:
    text = stream(f'zone_mode = "mosaic"\n[streams.zones]\ndoor = {ZONE}\nwindow = "{TEXT}"')
    (made,) = read(tmp_path, text).streams
    assert made.zones == {"door": TEXT, "window": TEXT}
    assert made.privacy is not None
    corners = ((0.1, 0.2), (0.4, 0.2), (0.4, 0.6))
    assert made.privacy.zones == (Zone(corners, "door", "mosaic"), Zone(corners, "window", "mosaic"))
    again, _, problems = read_stream(made.as_mapping(), {})
    assert again.zones == made.zones
    assert problems == []


def test_zones_add_to_those_of_the_defaults_and_a_change_does_not_restart(tmp_path: Path) -> None:
    text = f"[defaults]\nzones = {{gate = {ZONE}}}\n" + stream(f"zones = {{door = {ZONE}}}")
    (made,) = read(tmp_path, text).streams
    assert set(made.zones) == {"gate", "door"}
    bare = StreamConfig(made.name, made.input, made.outputs)
    assert made != bare and made.runs_like(bare)  # they are burnt in from the next picture on


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{door = [[0, 0], [1, 1]]}", "zone 'door': a zone has 3 to 1000 points, this one has 2"),
        ("{door = [[0, 0], [1, 1], [0, 3]]}", "zone 'door': point 3: y is 3: it goes from 0 to 1"),
        ('{door = "0 0, 1 1, 0 -1"}', "y is -1.0"),
        ('{door = "0 0, 1 1, here"}', "it takes three points or more"),
        ('{door = "0 0, 1 1, 0 nan"}', "y is nan"),
        ("{door = 3}", "points is 3: it takes a list"),
        ("[1]", "it takes a table of zones by name"),
    ],
)
def test_wrong_zones_are_told_with_their_line(value: str, says: str, tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, stream(f"zones = {value}"))
    assert "zones = " in line
    assert says in line


def test_a_file_of_zones_that_cannot_be_read_stops_the_stream(tmp_path: Path) -> None:
    """--check and a reload refuse it; so does the stream's next start, when it has gone meanwhile."""
    path = tmp_path / "zones.toml"
    text = stream(f'filters = "privacy=zones={path},hflip"')
    (line,) = complaints(tmp_path, text)
    assert f"{path}: the zones cannot be read" in line
    path.write_text(f"[[zone]]\npoints = {ZONE}\n")
    (made,) = read(tmp_path, text).streams
    spec = job_spec(made, Secrets(), OPEN.allowed)
    assert spec.privacy is not None
    assert [each.name for each in spec.filters] == ["hflip"]
    path.unlink()
    with pytest.raises(UsageError, match="the zones cannot be read"):
        job_spec(made, Secrets(), OPEN.allowed)


def test_over_http_no_file_is_written_and_none_read_elsewhere(tmp_path: Path) -> None:
    for chain, says in (
        ("privacy=zones=/srv/z.toml:audit=/etc/x", "it would write a file"),
        ("privacy=zones=/etc/passwd", "/etc/passwd"),
    ):
        with pytest.raises(ConfigError, match=says):
            stream_from({**BODY, "filters": chain}, HTTP)
    assert stream_from({**BODY, "zones": {"door": TEXT}}, HTTP).privacy is not None


def test_a_step_under_load_cannot_have_its_own(tmp_path: Path) -> None:
    path = tmp_path / "zones.toml"
    path.write_text(f"[[zone]]\npoints = {ZONE}\n")
    (made,) = read(tmp_path, stream(f'ladder = ["privacy=zones={path}"]')).streams
    with pytest.raises(BadOption, match="it holds for every step"):
        build_job(job_spec(made, Secrets(), OPEN.allowed))


def test_a_configured_stream_covers_its_zones(tmp_path: Path) -> None:
    made: list[list[Any]] = []
    for secret in (1, 2):
        path = secret_clip(tmp_path / f"{secret}.mkv", secret, touched(ZONES, 64, 48))
        zones = {f"z{i}": ", ".join(f"{x} {y}" for x, y in points) for i, points in enumerate(ZONES)}
        out = tmp_path / f"out{secret}.mkv"
        body = {"name": "yard", "input": str(path), "outputs": [str(out)], "video_codec": "ffv1", "zones": zones}
        config, _, problems = read_stream(body, {})
        assert problems == []
        job = build_job(job_spec(config, Secrets(), replace(OPEN, allow_folders=(tmp_path,)).allowed))
        made.append([])
        job.run()
        with streamfix.open(out) as video:
            made[-1] += [frame.rgb().tobytes() for frame in video]
    assert made[0] == made[1] != []
