"""What cannot run is told before it is started, each thing with value, place and remedy; and it changes nothing.

The same table is tried with `--check` and as a change of a daemon that runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from streamfix.apps.daemon import main
from streamfix.apps.daemon.config.config import ConfigError, load
from streamfix.apps.daemon.config.trial import check_file
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.chainspec import FilterSpec
from streamfix.filters.base import Filter
from streamfix.jobs.pool import FilterPool
from streamfix.media.redact import redact
from tests.apps.daemon.broken import TABLE, Broken, placed, toml
from tests.apps.daemon.camera import Camera, film
from tests.fakes.waiting import LONG_S, until

ONE_LINE = '[[streams]]\nname = "{name}"\ninput = "CAMERA"\noutputs = ["ALLOWED/{name}.mkv"]\n'


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `broken`."""
    folder = tmp_path_factory.mktemp("allowed")
    (folder / "sub").mkdir()
    (folder / "notes.txt").write_text("no video, no model\n")
    (folder / "gone.mkv").symlink_to(folder / "sub" / "gone.mkv")
    return folder


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setenv("SHORT", "hush5")


def written(folder: Path, text: str) -> Path:
    path = folder / "streams.toml"
    path.write_text(text)
    return path


def check_told(case: Broken, error: Exception, path: Path, allowed: Path) -> None:
    """Check that the error is the one thing that the case has wrong, told in one line with its place in the file."""
    (line,) = str(error).splitlines()
    text = path.read_text()
    value = placed(case.value, str(allowed))
    number, _, rest = line.removeprefix(f"{path}:").partition(": ")
    assert rest.startswith(f"{case.place} = {value}: "), line
    for part in case.says:
        assert placed(part, str(allowed)) in line
    assert "hush" not in line
    for name in ("Error ", "Exception", "Traceback", " -c:", " -f "):  # Python's names, and the command line's words
        assert name not in line.replace("Error setting", "")
    table, *keys = case.place.replace("streams[0]", "[streams]").split(".")
    key = keys[0].partition("[")[0] if keys else "outputs"
    at = text.splitlines()[int(number) - 1]
    assert at.startswith(f"{key} ="), f"line {number} is {at}, not that of {table} {key}"


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_check_tells_what_cannot_run(case: Broken, allowed: Path, tmp_path: Path) -> None:
    path = written(tmp_path, toml(case, str(allowed)))
    before = sorted(allowed.rglob("*"))
    with pytest.raises(ConfigError) as caught:
        check_file(path)
    check_told(case, caught.value, path, allowed)
    assert sorted(allowed.rglob("*")) == before, "nothing is written"


def test_what_is_right_is_tried_and_leaves_nothing(allowed: Path, tmp_path: Path) -> None:
    before = sorted(allowed.rglob("*"))
    assert len(check_file(written(tmp_path, toml(None, str(allowed)))).streams) == 1
    assert sorted(allowed.rglob("*")) == before


def test_the_table_has_forty_rows_of_different_kinds() -> None:
    assert len({case.name for case in TABLE}) == len(TABLE) >= 40
    assert len({(case.place, case.value) for case in TABLE}) >= 60


# -- the same table as changes of a daemon that runs


class Running:
    """A daemon with one stream that runs, and its file. job: the stream's present job."""

    def __init__(self, supervisor: Supervisor, path: Path) -> None:
        self.supervisor, self.path = supervisor, path
        self.stream = supervisor.stream("yard")
        self.job = self.stream._job

    def goes_on(self) -> None:
        """Check that the stream was not touched, and runs."""
        assert self.stream.running
        assert self.stream._job is self.job
        assert self.stream.state == "running"
        assert self.stream.record.totals.restarts == 0
        count = self.stream.record.totals.counts.written
        until(lambda: self.stream.record.totals.counts.written > count, "more pictures")


@pytest.fixture(scope="module")
def running(allowed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    camera = Camera(film(3000))
    path = written(tmp_path_factory.mktemp("daemon"), toml(None, str(allowed), camera.url))
    supervisor = Supervisor(load(path), lambda: load(path), measure=lambda *_: FrameCost(0.001), capacity=2.0)
    supervisor.open()
    stream = supervisor.stream("yard")
    until(lambda: stream.record.totals.counts.written > 3, "pictures")
    yield Running(supervisor, path)
    supervisor.drain(LONG_S)
    camera.close()


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_a_change_that_cannot_run_changes_nothing(
    case: Broken, running: Running, allowed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, config = running.path.read_text(), running.supervisor.config
    camera = running.stream.config.input
    running.path.write_text(toml(case, str(allowed), camera))
    before = sorted(allowed.rglob("*"))
    try:
        with pytest.raises(ConfigError) as caught:
            running.supervisor.reload()
        check_told(case, caught.value, running.path, allowed)
    finally:
        running.path.write_text(good)
    assert running.supervisor.config is config
    assert running.supervisor.system()["reload_error"] == redact(str(caught.value))
    assert sorted(allowed.rglob("*")) == before
    assert [r.getMessage() for r in caplog.records if "not reloaded" in r.getMessage()] == [
        f"not reloaded: {caught.value}"
    ]
    running.goes_on()


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        ({"filters": "smooth=strength=99"}, "filters", "99.0 is not between 0 and 1"),
        ({"video_codec": "libx265x"}, "video_codec", "near it: libx265"),
        ({"video_options": {"preset": "fastest"}}, "video_options.preset", "Error setting preset/tune fastest"),
        ({"outputs": ["ALLOWED/nowhere/yard.mkv"]}, "outputs[0].url", "there is no such folder"),
        ({"input_options": {"fflags": "nobufer"}}, "input_options.fflags", "it takes one or more of"),
    ],
)
def test_over_http_as_well(running: Running, allowed: Path, change: dict[str, object], where: str, says: str) -> None:
    supervisor = running.supervisor
    names = [str(s["name"]) for s in supervisor.list()]
    given = {k: [placed(v[0], str(allowed))] if isinstance(v, list) else v for k, v in change.items()}
    with TestClient(create_app(supervisor, supervisor.config), base_url="http://127.0.0.1") as client:
        new = {"name": "new", "input": f"{allowed}/clip.ts", "outputs": [f"{allowed}/new.mkv"], **given}
        (allowed / "clip.ts").write_bytes(b"G" * 188)
        for answer in (client.patch("/api/streams/yard", json=given), client.post("/api/streams", json=new)):
            assert answer.status_code == 422, answer.text
            (error,) = answer.json()["errors"]
            assert error["where"] == where
            assert says in error["detail"]
    (allowed / "clip.ts").unlink()
    assert [str(s["name"]) for s in supervisor.list()] == names
    running.goes_on()


# -- what is tried, and when


def test_a_stream_that_is_not_enabled_need_not_be_able_to_run(
    allowed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: None
) -> None:
    """Else the way to take a broken stream out of service would be closed."""
    text = toml(None, str(allowed)) + 'enabled = false\nvideo_codec = "libx265x"\n'
    path = written(tmp_path, text)
    assert main(["-c", str(path), "--check"]) == 0
    said = capsys.readouterr().out
    assert said == f"{path}: 1 stream (1 not enabled, of which the form alone was checked), nothing wrong\n"


def test_everything_that_is_wrong_is_told_at_once(allowed: Path, tmp_path: Path) -> None:
    text = placed(
        '[daemon]\nallow_folders = ["ALLOWED"]\ndevice = "gpu"\n'
        '[[streams]]\nname = "a"\ninput = "rtsp://127.0.0.1/x"\nfilters = "denoize"\nmax_latency = "-1s"\n'
        'input_options = { fflags = "nobufer", crf = "3" }\n'
        'outputs = [{ url = "ALLOWED/a.mkv", video_codec = "x" }, "ALLOWED/nowhere/b.mkv"]\n'
        '[[streams]]\nname = "b"\ninput = "rtsp://${env:NOT_SET}@127.0.0.1/x"\noutputs = ["ALLOWED/c.xyz"]\n',
        str(allowed),
    )
    with pytest.raises(ConfigError) as caught:
        check_file(written(tmp_path, text))
    places = [line.partition("streams.toml:")[2].partition(" = ")[0] for line in str(caught.value).splitlines()]
    assert places == [
        "3: daemon.device",
        "7: streams[0].filters",
        "8: streams[0].max_latency",
        "9: streams[0].input_options.fflags",
        "9: streams[0].input_options.crf",
        "10: streams[0].outputs[0].video_codec",
        "10: streams[0].outputs[1].url",
        "13: streams[1].input",
        "14: streams[1].outputs[0].url",
    ]


def test_one_broken_stream_keeps_none_of_the_file_s_others_from_starting(allowed: Path, tmp_path: Path) -> None:
    """A start is no change: what can run runs, and what cannot says why."""
    shown = film(750)
    camera, other = Camera(shown), Camera(shown)
    broken = placed(ONE_LINE.format(name="lost"), str(allowed), other.url) + 'video_codec = "libx265x"\n'
    path = written(tmp_path, toml(None, str(allowed), camera.url).replace("yard", "porch") + broken)
    supervisor = Supervisor(load(path), lambda: load(path), measure=lambda *_: FrameCost(0.001), capacity=2.0)
    supervisor.open()
    try:
        until(lambda: supervisor.stream("lost").waiting == "change")
        until(lambda: supervisor.stream("porch").state == "running")
        status = supervisor.get("lost")
        assert (status["state"], status["next_try"]) == ("error", None)
        assert "libx265x" in str(status["reason"])
        # A reload leaves it: nothing has changed. What waits for a change gets another attempt, though.
        failures = supervisor.stream("lost").record.totals.restarts
        assert supervisor.reload().keep == ("porch", "lost")
        until(lambda: supervisor.stream("lost").record.totals.restarts == failures + 1)
        path.write_text(path.read_text().replace("libx265x", "mpeg4"))
        assert supervisor.reload().restart == ("lost",)
        until(lambda: supervisor.stream("lost").state == "running")
    finally:
        supervisor.drain(LONG_S)
        camera.close()
        other.close()


def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every filter that is made from now on: its device and its arguments."""
    made: list[tuple[str, str]] = []
    make = FilterPool._make

    def counted(self: FilterPool, spec: FilterSpec) -> Filter[Any]:
        made.append((str(self.device), spec.arguments))
        return make(self, spec)

    monkeypatch.setattr(FilterPool, "_make", counted)
    return made


def test_filters_are_made_once_for_trial_and_start(
    allowed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = watched(monkeypatch)
    camera = Camera(film(750))
    path = written(tmp_path, toml(None, str(allowed), camera.url).replace("yard", "porch") + 'filters = "smooth"\n')
    supervisor = Supervisor(load(path), lambda: load(path), measure=lambda *_: FrameCost(0.001), capacity=2.0)
    supervisor.open()
    try:
        until(lambda: supervisor.stream("porch").state == "running")
        made.clear()
        path.write_text(path.read_text().replace('"smooth"', '"smooth=strength=0.3"\nladder = []'))
        supervisor.reload()
        until(lambda: supervisor.stream("porch").state == "running")
        assert [arguments for _, arguments in made] == ["strength=0.3"]
        pool = supervisor._shared.pool()
        assert len(pool) == 1
        until(lambda: supervisor.stream("porch")._made is None, "the trial's own to be released")
    finally:
        supervisor.drain(LONG_S)
        camera.close()
    assert len(pool) == 0, "nothing is left of it"


def test_another_device_is_tried_first_and_its_filters_are_kept(
    allowed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = watched(monkeypatch)
    camera = Camera(film(750))
    path = written(tmp_path, toml(None, str(allowed), camera.url).replace("yard", "hall") + 'filters = "smooth"\n')
    supervisor = Supervisor(load(path), lambda: load(path), measure=lambda *_: FrameCost(0.001), capacity=2.0)
    supervisor.open()
    try:
        until(lambda: supervisor.stream("hall").state == "running")
        made.clear()
        path.write_text(path.read_text().replace("[daemon]", '[daemon]\ndevice = "cpu"'))
        assert supervisor.reload().restart == ("hall",)
        until(lambda: supervisor.stream("hall").state == "running")
        assert made == [("cpu", "")]
    finally:
        supervisor.drain(LONG_S)
        camera.close()


@pytest.mark.parametrize(("key", "value"), [("port", "8081"), ("host", '"localhost"'), ("log", '"json"')])
def test_what_needs_a_restart_is_told_until_there_was_one(
    key: str, value: str, allowed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f'[daemon]\nallow_folders = ["{allowed}"]\n'
    path = written(tmp_path, text)
    supervisor = Supervisor(load(path), lambda: load(path), capacity=2.0)
    with TestClient(create_app(supervisor, supervisor.config), base_url="http://127.0.0.1") as client:

        def reload() -> object:
            return client.post("/api/reload", json={}).json()["needs_restart"]

        assert reload() == []
        path.write_text(f"{text}{key} = {value}\n")
        for _ in range(2):  # the second file is the first one's like, and the daemon still listens at the old port
            caplog.clear()
            assert reload() == [key]
            assert f"daemon.{key} has changed; restart the daemon for it to take effect" in caplog.text
        path.write_text(text)
        assert reload() == []
    supervisor.drain(LONG_S)
