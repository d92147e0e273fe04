"""-resume as a process: killed, stopped, and given again."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.apps.material import command, environment
from tests.bench.bench_resume import contents, kill_often, spawned
from tests.fakes.waiting import LONG_S, until
from tests.jobs.segments.material import cut_clip, folder_of, segments_in

pytestmark = [pytest.mark.usefixtures("interruptible"), pytest.mark.slow]

SHORT = ("-hide_banner", "-nostats", "-nostdin", "-resume", "-resume_every", "0.4")


@pytest.mark.parametrize(("chain", "ending"), [("smooth", "mp4"), ("smooth,edge", "mkv")])
def test_killed_at_random_moments(chain: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9: pictures, times and packets of all streams are those of a job that nobody disturbed."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    source = cut_clip(tmp_path / "in.mp4", frames=80, size=(96, 64))
    want, out = tmp_path / f"want.{ending}", tmp_path / f"out.{ending}"
    words: list[str | Path] = ["-i", source, "-vf", chain, "-preset", "ultrafast"]
    begun = time.monotonic()
    subprocess.run(command(*SHORT, *words, want), check=True, capture_output=True, timeout=LONG_S)
    took_s = time.monotonic() - begun
    found = kill_often([*map(str, (*SHORT, *words, out))], out, 4, took_s, contents(want), spawned)
    assert found["killed"] == 4
    assert found["frames_that_differ"] == 0
    assert found["complete"] >= 1


def test_stopped_by_the_user(tmp_path: Path) -> None:
    source, out = cut_clip(tmp_path / "in.mp4", frames=200), tmp_path / "out.mp4"
    words: list[str | Path] = [*SHORT, "-re", "-i", source, "-vf", "null", out]
    with subprocess.Popen(command(*words), env=environment(), stderr=subprocess.PIPE) as running:
        try:
            until(lambda: len(segments_in(out)) >= 2)
            running.send_signal(signal.SIGINT)
            assert running.stderr is not None
            said = running.stderr.read().decode()
            assert running.wait(LONG_S) == 255
        finally:
            running.kill()
    assert "out.mp4: stopped; " in said
    assert f"segments are done and stay in {folder_of(out)}: run the same command again to go on" in said
    assert not out.exists()
    again = subprocess.run(command(*words), env=environment(), capture_output=True, text=True, timeout=LONG_S)
    assert again.returncode == 0, again.stderr
    assert "of 20 segments are done already" in again.stderr
    assert len(contents(out)["pictures"]) == 200
    assert not folder_of(out).exists()
