"""Many streams side by side: what is done to one touches no other, and none is lost count of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.config.changes import Plan
from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.config.spec import OutputConfig
from streamfix.apps.daemon.engine import shared
from streamfix.apps.daemon.engine.control import Conflict, StreamExists, UnknownStream
from streamfix.apps.daemon.engine.notify import Notifier
from streamfix.apps.daemon.engine.supervisor import Supervisor
from streamfix.apps.daemon.load.costs import FrameCost
from streamfix.conformance.fakes import clip
from streamfix.errors import IncompleteOutput, InputError, UsageError
from streamfix.frame import VideoInfo
from streamfix.jobs import JobSpec
from tests.apps.daemon.engine import INFO, Builder, spec_of, stream_config, untried
from tests.fakes.clock import Clock
from tests.fakes.waiting import LONG_S, joined, until

Make = Callable[..., Supervisor]


def cost(cores: float) -> Callable[[JobSpec, VideoInfo], FrameCost]:
    """Every stream needs so many cores."""
    return lambda spec, info: FrameCost(cores / 25)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes supervisors of fake jobs; drains them in the end."""
    monkeypatch.setattr(shared, "job_spec", lambda config, *_: spec_of(config))
    made: list[Supervisor] = []

    def make(builder: Builder, *names: str, **options: Any) -> Supervisor:
        config = options.pop("config", None) or DaemonConfig(streams=tuple(stream_config(name) for name in names))
        given = {
            "build": builder,
            "trial": untried,
            "measure": cost(0.0),
            "capacity": 2.0,
            "backoff_s": (0.0,),
            **options,
        }
        supervisor = Supervisor(config, **given)
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        supervisor.drain(LONG_S)


def states(supervisor: Supervisor) -> dict[str, Any]:
    return {str(status["name"]): status["state"] for status in supervisor.list()}


def test_every_configured_stream_is_started_in_order(make: Make) -> None:
    builder = Builder()
    config = DaemonConfig(streams=(stream_config("b"), stream_config("a", enabled=False), stream_config("c")))
    supervisor = make(builder, config=config)
    ready = [supervisor.ready]
    supervisor.open()
    assert [*ready, supervisor.ready] == [False, True]
    builder.job("b")
    builder.job("c")
    assert list(states(supervisor).items()) == [("b", "running"), ("a", "stopped"), ("c", "running")]
    assert supervisor.get("a")["reason"] == "not started"


def test_a_stream_that_breaks_touches_no_other(make: Make) -> None:
    def opens(spec: JobSpec) -> VideoInfo:
        if spec.outputs[0].url.endswith("/bad"):
            raise ZeroDivisionError("a mistake in a filter")
        return INFO

    builder = Builder(opens)
    supervisor = make(builder, "good", "bad", backoff_s=(3600.0,))
    supervisor.open()
    good = builder.job("good")
    until(lambda: states(supervisor)["bad"] == "error")
    good.frames(5)
    assert states(supervisor)["good"] == "running"
    assert supervisor.get("good")["written"] == 5
    supervisor.remove("bad")
    assert list(states(supervisor)) == ["good"]
    assert len(builder.made["good"]) == 1


def test_streams_come_change_and_go(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "gate")
    supervisor.open()
    gate = builder.job("gate")
    supervisor.add(stream_config("yard"))
    builder.job("yard")
    assert states(supervisor) == {"gate": "running", "yard": "running"}
    with pytest.raises(StreamExists, match="a stream 'yard' exists already"):
        supervisor.add(stream_config("yard"))
    builder.job("yard").frames(2)
    supervisor.change(stream_config("yard"))
    assert len(builder.made["yard"]) == 1, "nothing is another: nothing is restarted"
    supervisor.change(stream_config("yard", filters="smooth"))
    builder.job("yard", 2).frames(3)
    assert supervisor.config_of("yard").filters == supervisor.get("yard")["filters"] == "smooth"
    assert supervisor.stream("yard").record.totals.counts.written == 5, "what was counted stays"
    supervisor.change(stream_config("yard", filters="smooth", enabled=False))
    assert states(supervisor)["yard"] == "stopped"
    supervisor.start("yard")
    supervisor.stop("yard")
    supervisor.stop("yard")
    assert states(supervisor)["yard"] == "stopped"
    supervisor.remove("yard")
    assert states(supervisor) == {"gate": "running"}
    assert not gate.stopped


def test_how_long_recordings_are_kept_restarts_nothing(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "gate")
    supervisor.open()
    gate = builder.job("gate")
    supervisor.change(stream_config("gate", retention={"max_age": "7d"}))
    assert supervisor.config_of("gate").limits.max_age_s == 7 * 86400
    assert not gate.stopped and len(builder.made["gate"]) == 1
    new = DaemonConfig(streams=(stream_config("gate", retention={"max_size": "5GB"}),))
    again = make(builder, read=lambda: new, config=DaemonConfig(streams=(stream_config("gate"),)))
    again.open()
    second = builder.job("gate", 2)
    again.reload()
    assert again.config_of("gate").limits.max_bytes == 5 * 10**9
    assert not second.stopped and len(builder.made["gate"]) == 2


@pytest.mark.parametrize(
    "what", ["get", "config_of", "remove", "start", "stop", "history", "events", "latest", "recordings"]
)
def test_an_unknown_name_is_told_what_there_is(make: Make, what: str) -> None:
    supervisor = make(Builder(), "gate")
    supervisor.open()
    with pytest.raises(UnknownStream, match="there is no stream 'gaet'; there are: gate"):
        getattr(supervisor, what)("gaet")


names = st.sets(st.sampled_from("abcd"))


@settings(max_examples=25)
@given(names, names, names)
def test_a_reload_restarts_what_changed_and_nothing_else(old: set[str], new: set[str], other: set[str]) -> None:
    """old, new: names in the file before and after; other: those of the new ones that have another configuration."""
    builder, patch = Builder(), pytest.MonkeyPatch()
    patch.setattr(shared, "job_spec", lambda config, *_: spec_of(config))
    before = DaemonConfig(streams=tuple(stream_config(n) for n in sorted(old)))
    after = replace(
        before, streams=tuple(stream_config(n, filters="smooth" if n in other else "") for n in sorted(new))
    )
    supervisor = Supervisor(before, lambda: after, build=builder, trial=untried, measure=cost(0.0), backoff_s=(0.0,))
    try:
        supervisor.open()
        jobs = {n: builder.job(n) for n in sorted(old)}
        done = supervisor.reload()
        changed = old & new & other
        assert (set(done.add), set(done.remove), set(done.restart)) == (new - old, old - new, changed)
        assert set(done.keep) == (old & new) - other
        for name in sorted(new):
            builder.job(name, 2 if name in changed else 1)
        assert set(states(supervisor)) == new
        assert {n for n, job in jobs.items() if job.stopped} == (old - new) | changed
        assert all(len(made) == 1 + (n in changed) for n, made in builder.made.items())
    finally:
        supervisor.drain(LONG_S)
        patch.undo()


def test_a_file_that_is_wrong_changes_nothing(make: Make) -> None:
    def read() -> DaemonConfig:
        raise UsageError('streams.toml:3: streams[0].max_latency = "fast"')

    builder = Builder()
    supervisor = make(builder, "gate", read=read)
    supervisor.open()
    job = builder.job("gate")
    with pytest.raises(UsageError, match=r"streams\.toml:3"):
        supervisor.reload()
    assert not job.stopped
    assert states(supervisor) == {"gate": "running"}


def test_a_reload_leaves_streams_alone_that_came_over_http(make: Make) -> None:
    builder = Builder()
    config = DaemonConfig(streams=(stream_config("gate"),))
    supervisor = make(builder, config=config, read=lambda: replace(config, streams=(), max_load=0.5))
    supervisor.open()
    builder.job("gate")
    supervisor.add(stream_config("guest"))
    builder.job("guest")
    guest = supervisor.stream("guest")
    supervisor.reload()
    assert states(supervisor) == {"guest": "running"}
    assert supervisor.stream("guest") is guest
    assert supervisor.admission.capacity.cores == 1.0


def test_no_two_streams_write_to_one_place(make: Make) -> None:
    """Whether they came by the file or over HTTP."""
    builder = Builder()
    twin = replace(stream_config("twin"), outputs=stream_config("guest").outputs)
    config = DaemonConfig(streams=(stream_config("gate"),))
    supervisor = make(builder, config=config, read=lambda: replace(config, streams=(*config.streams, twin)))
    supervisor.open()
    supervisor.add(stream_config("guest"))
    with pytest.raises(Conflict, match="stream 'guest' writes there already; write to another place"):
        supervisor.add(twin)
    with pytest.raises(Conflict, match="stream 'gate' writes there already"):
        supervisor.change(replace(stream_config("guest"), outputs=stream_config("gate").outputs))
    with pytest.raises(Conflict, match="stream 'guest' writes there already"):
        supervisor.reload()
    both = replace(stream_config("guest"), outputs=(*stream_config("guest").outputs,) * 2)
    with pytest.raises(Conflict, match="stream 'guest' writes there already"):
        supervisor.change(both)
    until(lambda: states(supervisor) == {"gate": "running", "guest": "running"})
    assert not builder.job("guest").stopped


def test_what_the_operator_has_stopped_stays_so(make: Make) -> None:
    """A change, or a reload, of a stream is no wish to have it run."""
    builder, configs = Builder(), [stream_config("gate")]
    config = DaemonConfig(streams=tuple(configs))
    supervisor = make(builder, config=config, read=lambda: replace(config, streams=tuple(configs)))
    supervisor.open()
    builder.job("gate")
    supervisor.stop("gate")
    supervisor.change(stream_config("gate", filters="smooth"))
    assert states(supervisor) == {"gate": "stopped"}
    configs[0] = stream_config("gate", filters="denoise")
    supervisor.reload()
    assert states(supervisor) == {"gate": "stopped"}
    assert supervisor.config_of("gate").filters == "denoise"
    supervisor.change(stream_config("gate", filters="denoise", enabled=False))
    supervisor.change(stream_config("gate", filters="denoise"))
    builder.job("gate", 2)  # enabled is what was changed
    supervisor.change(stream_config("gate", enabled=False))
    supervisor.start("gate")
    builder.job("gate", 3)
    supervisor.change(stream_config("gate", filters="smooth", enabled=False))
    builder.job("gate", 4)  # it ran, though it does not by itself
    supervisor.stop("gate")
    supervisor.start("gate")
    builder.job("gate", 5)
    supervisor.change(stream_config("gate", filters="smooth", on_lost="hold", enabled=False))
    builder.job("gate", 6)


@pytest.mark.parametrize(
    "error", [None, UsageError("the encoder takes no such size"), IncompleteOutput("rec.mkv: No space left")]
)
def test_who_needs_no_room_any_more_gives_it_back(make: Make, error: BaseException | None) -> None:
    builder = Builder()
    supervisor = make(builder, "gate", measure=cost(1.0), backoff_s=(3600.0,))
    supervisor.open()
    builder.job("gate").end(error)
    until(lambda: supervisor.system()["load"] == {"used": 0.0, "capacity": 1.8})
    supervisor.add(stream_config("yard"))
    builder.job("yard")


def test_who_tries_again_keeps_its_room(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "gate", measure=cost(1.0))
    supervisor.open()
    builder.job("gate").end(InputError("gone"))
    builder.job("gate", 2)
    assert supervisor.system()["load"] == {"used": 1.0, "capacity": 1.8}


def test_a_reload_touches_what_the_file_says_anew_and_nothing_else(make: Make) -> None:
    """What was changed over HTTP stays, whatever else changes in the file."""
    builder = Builder()
    config = DaemonConfig(streams=tuple(stream_config(name) for name in ("gate", "yard", "porch")))
    read = [replace(config, streams=(*config.streams[:2], stream_config("porch", filters="smooth")))]
    supervisor = make(builder, config=config, read=lambda: read[0])
    supervisor.open()
    supervisor.change(stream_config("gate", filters="denoise"))
    gate = builder.job("gate", 2)
    supervisor.remove("yard")
    done = supervisor.reload()
    assert (done.keep, done.restart, done.add, done.remove) == (("gate",), ("porch",), (), ())
    builder.job("porch", 2)
    assert states(supervisor) == {"gate": "running", "porch": "running"}
    assert supervisor.config_of("gate").filters == "denoise"
    assert not gate.stopped
    read[0] = replace(config, streams=(stream_config("gate"), stream_config("yard", filters="smooth")))
    done = supervisor.reload()
    assert (done.keep, done.add, done.remove) == (("gate",), ("yard",), ("porch",))
    builder.job("yard", 2)


def test_a_stream_tries_again_at_once_where_it_is_told_to(make: Make) -> None:
    errors: list[Exception] = [InputError("no route")]

    def opens(spec: JobSpec) -> VideoInfo:
        if errors:
            raise errors.pop()
        return INFO

    builder = Builder(opens)
    supervisor = make(builder, "yard", backoff_s=(3600.0,))
    supervisor.open()
    until(lambda: supervisor.get("yard")["next_try"] is not None)
    supervisor.retry("yard")
    builder.job("yard")
    supervisor.retry("yard")
    assert (supervisor.get("yard")["state"], supervisor.get("yard")["next_try"]) == ("running", None)
    supervisor.stop("yard")
    with pytest.raises(Conflict, match="yard: it is stopped and tries nothing; start it"):
        supervisor.retry("yard")


def test_who_waits_for_room_goes_on_waiting_when_it_is_started(make: Make) -> None:
    """And it is let in though another one that was refused has no camera now."""
    builder = Builder()
    supervisor = make(builder, "a", measure=cost(1.0))
    supervisor.open()
    builder.job("a")
    config = replace(supervisor.config, streams=(*supervisor.config.streams, stream_config("b"), stream_config("c")))
    supervisor._read = lambda: config
    supervisor.reload()
    until(lambda: [supervisor.stream(n).waiting for n in "bc"] == ["room", "room"])
    with pytest.raises(Conflict, match=r"b needs about 1\.00 of a core"):
        supervisor.start("b")
    assert supervisor.stream("b").waiting == "room"
    supervisor.stop("a")
    assert {supervisor.admission.next(), supervisor.admission.next()} == {"b", "c"}
    assert supervisor.admission.next() is None, "each is named once: who has no camera bars nobody"
    supervisor.start("c")
    builder.job("c")


def test_without_a_file_there_is_nothing_to_reload(make: Make) -> None:
    supervisor = make(Builder())
    supervisor.open()
    with pytest.raises(Conflict, match="without a configuration file, so there is none to read"):
        supervisor.reload()


def test_who_does_not_fit_is_refused_and_leaves_no_trace(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "gate", measure=cost(1.0))
    supervisor.open()
    builder.job("gate")
    with pytest.raises(Conflict, match=r"yard needs about 1\.00 of a core, 1\.00 of 1\.80 are taken"):
        supervisor.add(stream_config("yard"))
    assert states(supervisor) == {"gate": "running"}
    assert supervisor.system()["load"] == {"used": 1.0, "capacity": 1.8}
    supervisor.stop("gate")
    supervisor.add(stream_config("yard"))
    builder.job("yard")
    with pytest.raises(Conflict, match="gate needs about"):
        supervisor.start("gate")
    assert states(supervisor) == {"gate": "stopped", "yard": "running"}


def test_a_change_that_does_not_fit_leaves_the_stream_running_as_it_was(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "gate", measure=lambda spec, info: FrameCost(0.1 if spec.filters else 0.01))
    supervisor.open()
    job = builder.job("gate")
    with pytest.raises(Conflict, match=r"gate needs about 2\.50 cores, 0\.00 of 1\.80 are taken"):
        supervisor.change(stream_config("gate", filters="denoise"))
    assert not job.stopped
    assert supervisor.config_of("gate").filters == ""


def test_who_was_refused_at_the_start_gets_its_turn(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "a", "b", measure=cost(1.0))
    supervisor.open()
    until(lambda: sorted(map(str, states(supervisor).values())) == ["error", "running"])
    ((refused, reason),) = [(s["name"], s["reason"]) for s in supervisor.list() if s["state"] == "error"]
    assert "1.00 of 1.80 are taken" in str(reason)
    supervisor.watch.tick()
    supervisor.remove("a" if refused == "b" else "b")
    supervisor.watch.tick()
    builder.job(str(refused))
    assert states(supervisor) == {refused: "running"}


def test_a_camera_that_is_away_is_no_reason_to_wait_long(make: Make) -> None:
    """A new stream's fate is awaited for a moment; its health says when nobody can know it yet."""

    def build(spec: JobSpec, hosting: Any) -> Any:
        hosting.health.lost("no route to host")
        gone.wait(LONG_S)
        raise UsageError("stopped while connecting")  # which is not tried again

    gone = threading.Event()
    supervisor = make(Builder(), build=build)
    supervisor.open()
    supervisor.add(stream_config("yard"))
    assert supervisor.get("yard")["state"] == "starting"
    assert supervisor.get("yard")["reason"] == "no route to host"
    gone.set()


def test_draining_finishes_all_outputs_and_takes_no_more(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "a", "b", "c")
    supervisor.open()
    jobs = [builder.job(name) for name in "abc"]
    assert supervisor.drain(LONG_S)
    assert [(j.stopped, j.cancelled) for j in jobs] == [(True, False)] * 3
    assert (supervisor.draining, supervisor.ready) == (True, False)
    assert set(states(supervisor).values()) == {"stopped"}
    for call in (lambda: supervisor.add(stream_config("d")), lambda: supervisor.start("a"), supervisor.reload):
        with pytest.raises(Conflict):
            call()


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_takes_long_to_stop_holds_up_nobody(make: Make) -> None:
    """While one stream's outputs are finished, others are stopped, changed, added, and a reload gets at them."""
    builder = Builder()
    config = DaemonConfig(streams=tuple(stream_config(name) for name in ("slow", "gate", "yard")))
    others = DaemonConfig(
        streams=(stream_config("slow"), stream_config("gate"), stream_config("yard", filters="smooth"))
    )
    supervisor = make(builder, config=config, read=lambda: others)
    supervisor.open()
    slow, _, _ = builder.job("slow"), builder.job("gate"), builder.job("yard")
    slow.stuck = True
    stopping = in_thread(lambda: supervisor.stop("slow"))
    until(lambda: slow.stopped)
    supervisor.stop("gate")
    supervisor.change(stream_config("gate", filters="smooth"))
    supervisor.add(stream_config("door"))
    builder.job("door")
    assert stopping.is_alive()
    reloading = in_thread(supervisor.reload)  # it asks what is to be done with every stream
    slow.end()
    joined(stopping)
    joined(reloading)
    builder.job("yard", 2)
    assert states(supervisor)["slow"] == "stopped"


def test_a_reload_that_waits_for_one_stream_keeps_nobody_from_those_it_leaves_alone(make: Make) -> None:
    builder = Builder()
    new = DaemonConfig(streams=(stream_config("slow", filters="smooth"), stream_config("gate")))
    supervisor = make(builder, "slow", "gate", read=lambda: new)
    supervisor.open()
    slow, _ = builder.job("slow"), builder.job("gate")
    slow.stuck = True
    reloading = in_thread(supervisor.reload)
    until(lambda: slow.stopped)
    supervisor.stop("gate")
    assert reloading.is_alive()
    assert states(supervisor)["gate"] == "stopped"
    slow.end()
    joined(reloading)
    builder.job("slow", 2)


def test_a_place_that_a_change_is_about_to_take_is_taken(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "slow", "gate")
    supervisor.open()
    slow, _ = builder.job("slow"), builder.job("gate")
    slow.stuck = True
    there = (OutputConfig("rtsp://m/there"),)
    changing = in_thread(lambda: supervisor.change(stream_config("slow", outputs=there)))
    until(lambda: slow.stopped)
    with pytest.raises(Conflict, match="'slow' writes there already"):
        supervisor.change(stream_config("gate", outputs=there))
    with pytest.raises(Conflict, match="'slow' writes there already"):
        supervisor.add(stream_config("door", outputs=there))
    with pytest.raises(Conflict, match="'slow' writes there already"):
        supervisor.add(stream_config("door", outputs=(OutputConfig("rtsp://m/slow"),)))  # it is still being finished
    slow.end()
    joined(changing)
    assert supervisor.config_of("slow").outputs == there
    supervisor.add(stream_config("door", outputs=(OutputConfig("rtsp://m/slow"),)))


def test_what_is_being_changed_while_the_daemon_ends_is_not_started_again(make: Make) -> None:
    builder = Builder()
    supervisor = make(builder, "slow")
    supervisor.open()
    slow = builder.job("slow")
    slow.stuck = True
    changing = in_thread(lambda: supervisor.change(stream_config("slow", filters="smooth")))
    until(lambda: slow.stopped)
    draining = in_thread(lambda: supervisor.drain(LONG_S))
    until(lambda: supervisor.draining)
    slow.end()
    joined(draining)
    joined(changing)
    assert len(builder.made["slow"]) == 1
    assert states(supervisor) == {"slow": "stopped"}


def test_draining_has_a_limit(make: Make) -> None:
    builder = Builder(stuck=True)
    supervisor = make(builder, "a", "b")
    supervisor.open()
    jobs = [builder.job(name) for name in "ab"]
    assert not supervisor.drain(0.0), "what is unfinished is lost"
    assert all(j.cancelled for j in jobs)


def test_the_watch_takes_steps_and_gives_signs_of_life(make: Make) -> None:
    class Told(Notifier):
        def __init__(self) -> None:
            super().__init__({})
            self.said: list[str] = []

        def alive(self, now_s: float) -> None:
            self.said.append("alive")

        def status(self, text: str) -> None:
            self.said.append(text)

    builder, clock, told = Builder(), Clock(), Told()
    supervisor = make(builder, "a", clock=clock, notifier=told)
    supervisor.watch.start = lambda: None  # type: ignore[method-assign]
    supervisor.open()
    supervisor.watch.tick()
    job = builder.job("a")
    for _ in range(10):
        clock.now_s += 1
        job.frames(25)
        supervisor.watch.tick()
    assert told.said[-2:] == ["alive", "1 stream: 1 running"]
    assert supervisor.history("a")["fps"] == [25.0, 25.0]


def test_a_lasting_load_counts_and_a_peak_does_not(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, used = Clock(), Clock()
    supervisor = make(Builder(), clock=clock)
    monkeypatch.setattr("streamfix.apps.daemon.engine.watch.time.process_time", used)
    measured = []
    for cores in (1.5, 1.9, 1.4, 0.1, 1.9, 1.9):
        supervisor.watch.tick()
        clock.now_s += 5
        used.now_s += 5 * cores
        measured.append(supervisor.admission.measured.cores)
    supervisor.watch.tick()
    measured.append(supervisor.admission.measured.cores)
    assert measured == pytest.approx([0, 0, 0, 1.4, 0.1, 0.1, 0.1])


def test_costs_are_learnt_from_streams_with_time_to_spare(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = clip(1)[0]
    clock, used, builder = Clock(), Clock(), Builder()
    supervisor = make(builder, "a", clock=clock, measure=cost(0.25))
    supervisor.watch.start = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr("streamfix.apps.daemon.engine.watch.time.process_time", used)
    supervisor.open()
    job = builder.job("a")
    spec = spec_of(stream_config("a"))

    def step(busy: float) -> float:
        for _ in range(30):
            job.hosting.worked("restore", frame, 0.02)
        clock.now_s += 5
        used.now_s += 5 * busy
        supervisor.watch.tick()
        return supervisor._shared.costs.need(spec, INFO).cores

    assert step(0.5) == pytest.approx(0.25), "the first step has nothing to compare with"
    assert step(1.9) == pytest.approx(0.25), "no time to spare"
    assert step(0.5) == pytest.approx(0.25 + 0.2 * (0.5 - 0.25))
    job.health.stepped(0, "smooth", "")
    job.health.stepped(1, "null", "too slow")
    assert step(0.5) == pytest.approx(0.30), "a lighter chain says nothing of the whole one"


def test_who_was_refused_for_a_cost_that_proves_lower_gets_in(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured while the machine is busy with something else is too much; it must not bar a camera for ever."""
    frame = clip(1)[0]
    clock, used, builder = Clock(), Clock(), Builder()
    supervisor = make(builder, "a", "b", clock=clock, measure=cost(1.2))
    supervisor.watch.start = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr("streamfix.apps.daemon.engine.watch.time.process_time", used)
    supervisor.open()
    until(lambda: sorted(states(supervisor).values()) == ["error", "running"])
    (running,) = [name for name, state in states(supervisor).items() if state == "running"]
    job = builder.job(running)
    for _ in range(20):
        for _ in range(30):
            job.hosting.worked("restore", frame, 0.01)
        clock.now_s += 5
        used.now_s += 5 * 0.4
        supervisor.watch.tick()
    until(lambda: list(states(supervisor).values()) == ["running", "running"])


def test_no_thread_outlives_the_supervisor(make: Make) -> None:
    before = set(threading.enumerate())
    supervisor = make(Builder(), "a", "b")
    supervisor.open()
    supervisor.drain(LONG_S)
    assert set(threading.enumerate()) <= before


def test_a_secret_that_changed_restarts_its_stream(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM_A", "one")
    monkeypatch.setenv("CAM_B", "one")
    config = DaemonConfig(
        streams=tuple(stream_config(n, input=f"rtsp://u:${{env:CAM_{n.upper()}}}@10.0.0.5/{n}") for n in "ab")
    )
    builder = Builder()
    supervisor = make(builder, config=config, read=lambda: config)
    supervisor.open()
    jobs = [builder.job(n) for n in "ab"]
    assert supervisor.reload().keep == ("a", "b")
    monkeypatch.setenv("CAM_A", "two")
    assert supervisor.reload().restart == ("a",)
    assert [job.stopped for job in jobs] == [True, False]
    assert supervisor.reload().keep == ("a", "b")


def test_a_secret_that_changed_restarts_who_came_over_http_too(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM", "one")
    config, builder = DaemonConfig(streams=(stream_config("a"),)), Builder()
    supervisor = make(builder, config=config, read=lambda: config)
    supervisor.open()
    supervisor.add(stream_config("guest", input="rtsp://u:${env:CAM}@10.0.0.5/guest"))
    job = builder.job("guest")
    assert supervisor.reload().keep == ("a",)
    assert not job.stopped
    monkeypatch.setenv("CAM", "two")
    assert supervisor.reload().restart == ("guest",)
    builder.job("guest", 2)
    assert job.stopped


def test_who_was_removed_over_http_stays_removed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAM", "one")
    given = stream_config("a", input="rtsp://u:${env:CAM}@10.0.0.5/a")
    config, builder = DaemonConfig(streams=(given,)), Builder()
    supervisor = make(builder, config=config, read=lambda: replace(config, device="cpu"))
    supervisor.open()
    builder.job("a")
    supervisor.remove("a")
    monkeypatch.setenv("CAM", "two")
    assert supervisor.reload() == Plan()
    assert states(supervisor) == {}


def test_another_device_restarts_all(make: Make) -> None:
    builder = Builder()
    config = DaemonConfig(streams=(stream_config("a"), stream_config("b")), device="auto")
    supervisor = make(builder, config=config, read=lambda: replace(config, device="cpu"))
    supervisor.open()
    assert supervisor.reload().restart == ("a", "b")


def test_a_name_that_the_file_takes_up_is_the_files(make: Make) -> None:
    builder = Builder()
    config = DaemonConfig()
    read = replace(config, streams=(stream_config("same"), stream_config("other", filters="smooth")))
    supervisor = make(builder, config=config, read=lambda: read)
    supervisor.open()
    for name in ("same", "other"):
        supervisor.add(stream_config(name))
    before = supervisor.stream("other")
    done = supervisor.reload()
    assert (done.keep, done.restart) == (("same",), ("other",))
    builder.job("other", 2)
    assert supervisor.stream("other") is before
    assert [len(made) for made in builder.made.values()] == [1, 2]
