"""Changes made over HTTP, written to the file: it then says what the streams are, and all else in it is as it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.config.config import ConfigError, DaemonConfig, StreamConfig, load, stream_from
from streamfix.apps.daemon.config.job import job_spec
from streamfix.apps.daemon.config.write_back import Unsaved, rewritten, save, unsaved
from streamfix.apps.daemon.engine import shared
from streamfix.apps.daemon.engine.control import Conflict
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.errors import OutputError, UsageError
from tests.apps.daemon.engine import Builder, spec_of, untried
from tests.fakes.waiting import LONG_S

FILE = """\
# The house's cameras. Ask Ann before you change the yard.
[daemon]
port = 8080  # behind the proxy
allow_private = ["10.0.0.0/8"]
allow_folders = ["/srv"]

[defaults]
filters = "smooth"
input_options = {rtsp_transport = "tcp"}

# The yard sees the street: masks!
[[streams]]
name = "yard"
input = "rtsp://u:${env:YARD}@10.0.0.5/s"  # the new one
max_latency = 300 # ms? no, seconds
outputs = [
    "rtsp://10.0.0.1:8554/yard", # to the wall
    # the archive
    { url = "/srv/yard_%s.mkv", format = "segment", options = { strftime = "1", segment_time = "60" } },
]

# Behind the gate.
[[streams]]
name = 'gate'
input = "rtsp://10.0.0.6/s"
outputs = ["udp://10.0.0.1:9000"]
[streams.retention]
max_age = "7d"

[[streams]]
name = "porch"
input = "rtsp://10.0.0.7/s"
outputs = ["udp://10.0.0.1:9001"]
# That is all.
"""
LANE = {"name": "lane", "input": "rtsp://10.0.0.9/s", "outputs": ["udp://10.0.0.1:9009"], "filters": "denoise"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "streams.toml"
    path.write_text(FILE)
    path.chmod(0o640)
    return path


def changed(config: DaemonConfig, name: str, **fields: Any) -> StreamConfig:
    """A stream of the file, changed over HTTP."""
    known = next(stream for stream in config.streams if stream.name == name)
    return stream_from({**known.as_mapping(), **fields}, config, known)


def others(config: DaemonConfig, *streams: StreamConfig, without: str = "") -> list[StreamConfig]:
    """The file's streams with these in place of those of their name, or behind them."""
    given = {stream.name: stream for stream in streams}
    kept = [given.pop(stream.name, stream) for stream in config.streams if stream.name != without]
    return [*kept, *given.values()]


# -- laws

CHANGES: dict[str, Any] = {
    "filters": st.sampled_from(["", "denoise", "smooth", "null"]),
    "enabled": st.booleans(),
    "audio": st.booleans(),
    "audio_codec": st.sampled_from(["copy", "aac"]),
    "max_latency": st.sampled_from(["0.2s", "300.0s", "2.0s"]),
    "input_options": st.fixed_dictionaries(
        {"rtsp_transport": st.sampled_from(["tcp", "udp"])}, optional={"user_agent": st.just('"a" = \\ #b')}
    ),
    "retention": st.fixed_dictionaries({}, optional={"max_age": st.just("1d"), "max_size": st.just("5GB")}),
    "ladder": st.sampled_from([None, [], ["null", "smooth"]]),
    "video_codec": st.sampled_from([None, "libx264"]),
    "outputs": st.lists(
        st.sampled_from(
            [
                "rtsp://10.0.0.1:8554/yard",
                {"url": "/srv/yard_%s.mkv", "format": "segment", "options": {"strftime": "1", "segment_time": "60"}},
                {"url": "/srv/yard.mkv", "overwrite": True, "video_options": {"crf": "20"}},
            ]
        ),
        min_size=1,
        max_size=3,
        unique_by=str,
    ),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional=CHANGES),
    st.fixed_dictionaries({}, optional=CHANGES),
    st.sets(st.sampled_from(["gate", "porch"])),
    st.booleans(),
)
def test_the_file_says_what_the_streams_are_and_all_comments_stay(
    file: Path, fields: dict[str, Any], more: dict[str, Any], gone: set[str], added: bool
) -> None:
    file.write_text(FILE)
    config = load(file)
    present = others(
        config,
        changed(config, "yard", **fields),
        changed(config, "gate", **{**more, "outputs": ["udp://10.0.0.1:9000"]}),
    )
    present = [stream for stream in present if stream.name not in gone]
    present += [stream_from({**LANE, **{k: v for k, v in more.items() if k != "outputs"}}, config)] if added else []
    again, backup = save(file, config, present)
    assert load(file) == again
    assert list(again.streams) == present
    assert [s.foreign_parts for s in again.streams] == [s.foreign_parts for s in present], "each keeps its rights"
    assert replace(again, streams=()) == replace(config, streams=())
    assert backup.read_text() == FILE
    text = file.read_text()
    for comment in (
        "# The house's cameras.",
        "# behind the proxy",
        "# The yard sees the street: masks!",
        "# the new one",
    ):
        assert comment in text
    assert "# Behind the gate." in text and "# That is all." in text


def test_nothing_changed_is_not_a_byte_of_difference(file: Path) -> None:
    config = load(file)
    assert rewritten(FILE, config, config.streams) == FILE
    save(file, config, config.streams)
    assert file.read_text() == FILE


def test_only_the_lines_of_what_changed_differ(file: Path) -> None:
    config = load(file)
    archive = {"url": "/srv/yard_%s.mkv", "format": "segment", "options": {"strftime": "1", "segment_time": "10"}}
    yard = changed(
        config,
        "yard",
        filters="denoise",
        max_latency="2s",
        outputs=["rtsp://10.0.0.1:8554/yard", archive, "udp://10.0.0.2:1"],
    )
    save(file, config, others(config, yard, without="porch"))
    before, after = FILE.splitlines(), file.read_text().splitlines()
    assert [line for line in before if line not in after] == [
        "max_latency = 300 # ms? no, seconds",
        '    { url = "/srv/yard_%s.mkv", format = "segment", options = { strftime = "1", segment_time = "60" } },',
        'name = "porch"',
        'input = "rtsp://10.0.0.7/s"',
        'outputs = ["udp://10.0.0.1:9001"]',
    ]
    assert 'max_latency = "2.0s" # ms? no, seconds' in after
    assert 'filters = "denoise"' in after
    assert "    # the archive" in after


# -- rights


def test_what_came_over_http_has_no_more_rights_after_a_restart(file: Path) -> None:
    """Its guards would be gone if the file's reader took it for the operator's own."""
    config = load(file)
    guest = stream_from({**LANE, "input": "http://10.0.0.9/video"}, replace(config, allow_schemes=("http", "udp")))
    again, _ = save(file, config, others(config, guest, changed(config, "gate", filters="denoise")))
    read = {stream.name: stream for stream in load(file).streams}
    assert "input" in read["lane"].foreign and read["lane"].outputs[0].foreign
    assert read["gate"].foreign == {"filters"} and not read["gate"].outputs[0].foreign
    assert not read["yard"].foreign and "over_http" not in str(read["yard"].as_mapping())
    before, after = (job_spec(stream, Secrets({}), again.allowed).inputs[0].options for stream in (guest, read["lane"]))
    assert before == after and "format_whitelist" in after
    file.write_text(file.read_text().replace('name = "lane"', 'name = "lane"\ninput_options = {bad_name = "x"}'))
    load(file)  # what the operator adds to it is the operator's own


def test_a_mark_is_no_option_over_http(file: Path) -> None:
    config = load(file)
    with pytest.raises(ConfigError, match="there is no such key"):
        stream_from({**LANE, "over_http": []}, config)


@pytest.mark.parametrize("marks", ['"input"', "[1]", '["nmae"]', '["outputs[7]"]', '["outputs"]'])
def test_a_mark_that_means_nothing_is_told(file: Path, marks: str) -> None:
    file.write_text(FILE.replace("name = 'gate'", f"name = 'gate'\nover_http = {marks}"))
    with pytest.raises(ConfigError, match=r"streams\[1\]\.over_http"):
        load(file)


# -- the file


def test_mode_and_link_stay_and_the_previous_file_is_kept(file: Path) -> None:
    link = file.with_name("link.toml")
    link.symlink_to(file)
    config = load(link)
    again, backup = save(link, config, others(config, without="porch"))
    assert link.is_symlink() and load(link) == again
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, backup)] == [0o640, 0o640]
    save(link, again, others(again, without="gate"))
    assert "porch" not in backup.read_text() and "gate" in backup.read_text(), "the last one before"
    assert sorted(path.name for path in file.parent.iterdir()) == ["link.toml", "streams.toml", "streams.toml.bak"]


def test_a_disk_that_refuses_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(file)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="it cannot be written: No space left on device; it is as it was"):
        save(file, config, others(config, without="porch"))
    assert file.read_text() == FILE
    assert [path.name for path in file.parent.iterdir()] == ["streams.toml"]


def test_streams_that_are_no_tables_are_told(file: Path) -> None:
    file.write_text('streams = [{name = "a", input = "rtsp://10.0.0.7/s", outputs = ["udp://10.0.0.1:1"]}]\n')
    config = load(file)
    with pytest.raises(UsageError, match=r"no tables headed \[\[streams\]\]"):
        save(file, config, [replace(config.streams[0], filters="smooth")])


def test_a_file_without_streams_gets_its_first(file: Path) -> None:
    file.write_text("[daemon]\nport = 0 # any\nallow_private = true\n")
    config = load(file)
    again, _ = save(file, config, [stream_from(LANE, config)])
    assert [stream.name for stream in again.streams] == ["lane"]
    assert file.read_text().startswith("[daemon]\nport = 0 # any\n")


@pytest.mark.parametrize(("mode", "told"), [(0o644, True), (0o600, False)])
def test_a_password_that_others_can_read_is_told(
    file: Path, mode: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    file.chmod(mode)
    config = load(file)
    save(file, config, others(config, stream_from({**LANE, "input": "rtsp://u:hush@10.0.0.9/s"}, config)))
    assert ("holds passwords in plain text" in caplog.text) == told
    assert "hush" in file.read_text() and "hush" not in caplog.text


# -- the engine


@pytest.fixture
def engine(file: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(shared, "job_spec", lambda config, *_: spec_of(config))
    builder = Builder()
    supervisor = Supervisor(
        load(file),
        lambda: load(file),
        path=file,
        build=builder,
        trial=untried,
        measure=lambda *_: FrameCost(0.0),
        capacity=2.0,
    )
    supervisor.open()
    yield supervisor, builder
    supervisor.drain(LONG_S)


def test_saving_restarts_nothing_and_a_reload_afterwards_neither(
    engine: tuple[Supervisor, Builder], file: Path
) -> None:
    supervisor, builder = engine
    config = supervisor.config
    supervisor.change(changed(config, "gate", filters="denoise"))
    supervisor.add(stream_from(LANE, config))
    supervisor.remove("porch")
    assert supervisor.unsaved() == Unsaved(("lane",), ("gate",), ("porch",))
    assert {s["name"]: s["unsaved"] for s in supervisor.list()} == {"yard": "", "gate": "changed", "lane": "added"}
    builder.job("10.0.0.1:9000", 2)
    builder.job("10.0.0.1:9009")
    runs = {name: len(made) for name, made in builder.made.items()}
    saved, path, backup = supervisor.save()
    assert backup is not None
    assert (saved.added, path, backup.name) == (("lane",), file, "streams.toml.bak")
    assert not supervisor.unsaved()
    before = backup.read_text()
    assert supervisor.save() == (Unsaved(), file, None)
    assert backup.read_text() == before, "nothing was to be written: the file before the change is kept"
    done = supervisor.reload()
    assert (done.add, done.remove, done.restart) == ((), (), ())
    assert {name: len(made) for name, made in builder.made.items()} == runs
    assert "input" in supervisor.config_of("lane").foreign


def test_a_file_that_was_edited_meanwhile_is_not_overwritten(engine: tuple[Supervisor, Builder], file: Path) -> None:
    supervisor, _ = engine
    supervisor.remove("porch")
    mine = FILE.replace("port = 8080", "port = 8081")
    file.write_text(mine)
    with pytest.raises(Conflict, match="has changed since the daemon read it; reload it first"):
        supervisor.save()
    assert file.read_text() == mine


def test_zones_alone_are_written_at_once(engine: tuple[Supervisor, Builder], file: Path) -> None:
    """What else was changed over HTTP waits to be saved."""
    supervisor, builder = engine
    builder.job("10.0.0.1:9000")
    runs = {name: len(made) for name, made in builder.made.items()}
    supervisor.change(changed(supervisor.config, "porch", audio=False))
    zones = {"door": "0 0, 1 0, 1 1"}
    supervisor.change(changed(supervisor.config, "yard", zones=zones))
    assert supervisor.keep_zones("yard")
    (yard,) = (each for each in load(file).streams if each.name == "yard")
    assert (yard.zones, any(name.startswith("zones") for name in yard.foreign)) == (zones, True)
    assert supervisor.unsaved() == Unsaved((), ("porch",), ())
    assert {name: len(made) for name, made in builder.made.items() if name == "10.0.0.1:9000"} == {
        name: count for name, count in runs.items() if name == "10.0.0.1:9000"
    }
    assert supervisor.keep_zones("yard"), "there is nothing to write"
    supervisor.add(stream_from(LANE, supervisor.config))
    assert not supervisor.keep_zones("lane"), "it is not in the file"
    file.write_text(file.read_text() + "\n# mine\n[health]\nenabled = false\n")
    assert not supervisor.keep_zones("yard"), "the file has changed"


def test_without_a_file_there_is_none_to_write_to() -> None:
    with pytest.raises(Conflict, match="started without a configuration file"):
        Supervisor(DaemonConfig()).save()


def test_what_is_unsaved() -> None:
    make: Callable[..., StreamConfig] = lambda name, filters="": StreamConfig(name, "i", (), filters=filters)  # noqa: E731
    assert unsaved([], []) == Unsaved() and not unsaved([make("a")], [make("a")])
    found = unsaved([make("a"), make("b"), make("c")], [make("c", "x"), make("a"), make("d")])
    assert found == Unsaved(("d",), ("c",), ("b",))
    assert str(found) == "added d; changed c; removed b"
