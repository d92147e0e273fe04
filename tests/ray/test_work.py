"""Which files there are, where they go, and what is refused before any node is asked."""

from __future__ import annotations

import uuid
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from streamfix.chainspec import parse_chain
from streamfix.errors import InputError, OutputError, UsageError
from streamfix.jobs import JobSpec
from streamfix.media.specs import InputSpec, OutputSpec
from streamfix.ray import crew, probe, report, storage, work
from streamfix.ray.connection import connected
from streamfix.ray.work import Item, Options


def spec_of(input: str, output: str) -> JobSpec:
    return JobSpec((InputSpec(input),), (OutputSpec(output),), tuple(parse_chain("smooth")))


def items(folder: Path, *patterns: str, ending: str | None = None) -> list[Item]:
    return work.items_of([str(folder / each) for each in patterns], str(folder / "out"), spec_of, ending)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.mark.parametrize(
    ("patterns", "outputs"),
    [
        (["in/*.mp4"], ["a.mp4", "b.mp4"]),
        (["in"], ["a.mp4", "b.mp4", "c.MKV"]),
        (["in/a.mp4"], ["a.mp4"]),
        (["in/**/*.mp4"], ["a.mp4", "b.mp4", "deep/a.mp4"]),
        (["in/a.mp4", "in/*.mp4"], ["a.mp4", "b.mp4"]),
        (["in/[x].mp4"], ["[x].mp4"]),
    ],
)
def test_outputs_have_the_inputs_names(patterns: list[str], outputs: list[str], tmp_path: Path) -> None:
    touch(tmp_path, "in/a.mp4", "in/b.mp4", "in/c.MKV", "in/notes.txt", "in/deep/a.mp4")
    if patterns == ["in/[x].mp4"]:
        touch(tmp_path, "in/[x].mp4")
    found = [str(Path(item.output).relative_to(tmp_path / "out")) for item in items(tmp_path, *patterns)]
    assert found == outputs


def test_object_storage_is_listed(tmp_path: Path) -> None:
    bucket = f"memory://{uuid.uuid4().hex}"
    touch(tmp_path, "x")
    for name in ("a.mp4", "deep/b.mp4", "c.txt"):
        storage.store(tmp_path / "x", f"{bucket}/in/{name}")
    assert [name for _, name in storage.expand(f"{bucket}/in/*.mp4")] == ["a.mp4"]
    assert [name for _, name in storage.expand(f"{bucket}/in/**/*.mp4")] == ["a.mp4", "deep/b.mp4"]
    assert [name for _, name in storage.expand(f"{bucket}/in")] == ["a.mp4"]
    with pytest.raises(InputError, match="no video is there"):
        storage.expand(f"{bucket}/other/*.mp4")
    with pytest.raises(UsageError, match="fsspec knows no storage nowhere://"):
        storage.expand("nowhere://bucket/*.mp4")


def test_two_inputs_with_one_output(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.mp4", "in/a.avi", "other/a.mp4")
    with pytest.raises(UsageError, match=r"out/a\.mp4: it would be the output of .*in/a\.mp4 and of .*other/a\.mp4; "):
        items(tmp_path, "in/a.mp4", "other/a.mp4")
    with pytest.raises(UsageError, match=r"out/a\.mkv: it would be the output of .* and of .*; restore them into two"):
        items(tmp_path, "in", ending=".mkv")
    with pytest.raises(UsageError, match=r"in/a\.avi: it is an input; name another folder with -out"):
        work.items_of([str(tmp_path / "in")], str(tmp_path / "in"), spec_of)


def test_what_is_not_there(tmp_path: Path) -> None:
    touch(tmp_path, "in/notes.txt", "in/list.csv")
    with pytest.raises(InputError, match=r"in: no video is in this folder \(its endings: \.csv, \.txt\); name files"):
        items(tmp_path, "in")
    with pytest.raises(InputError, match=r"\*\.mp4: no file matches; in a shell, put patterns in quotes"):
        items(tmp_path, "in/*.mp4")
    with pytest.raises(InputError, match=r"away: there is no such file or folder"):
        items(tmp_path, "away")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"carry": True}, "-carry without -segments: whole files do not fit through Ray; add -segments 60s"),
        ({}, r"out/a\.mp4 and 1 more: it is there already, or the beginning of it; -resume goes on"),
    ],
)
def test_refused_before_a_node_is_asked(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    touch(tmp_path, "in/a.mp4", "in/b.mp4", "out/a.mp4")
    (tmp_path / "out" / "b.mp4.streamfix").mkdir()
    with pytest.raises(UsageError, match=message):
        work.check(items(tmp_path, "in"), Options(**options))
    work.check(items(tmp_path, "in"), Options(every_s=Fraction(60), carry=True, resume=True))


def test_a_report_of_another_job_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.mp4")
    own = items(tmp_path, "in")
    place = str(tmp_path / "report.json")
    before = report.new(own, work.described(own[0].spec, Options(cores=2)))
    before.files[0].state = "done"
    report.write(before, place)
    after = report.new(own, work.described(own[0].spec, Options(cores=2)))
    report.go_on(after, place)
    assert after.done == 1
    other = report.new(own, work.described(own[0].spec, Options(cores=4)))
    with pytest.raises(UsageError, match=r"report\.json is of another job: cores was 2, and is 4"):
        report.go_on(other, place)
    Path(place).write_text("{", encoding="utf-8")
    with pytest.raises(OutputError, match=r"report\.json: it is no report of an earlier run"):
        report.go_on(after, place)


def test_nodes_are_asked_what_they_see(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.mp4")
    mark = tmp_path / "mark"
    mark.write_text("here", encoding="utf-8")
    from streamfix import __version__

    good = probe.facts([str(tmp_path / "in/a.mp4")], {str(mark): "here"})
    crew.check_facts("n", good, __version__)
    with pytest.raises(Exception, match=r"node n: it has streamfix .*, and this machine 9\.9\.9; install the same on"):
        crew.check_facts("n", good, "9.9.9")
    with pytest.raises(Exception, match=r'node n: streamfix is not installed there; pip install "streamfix\[ray\]==9"'):
        crew.check_facts("n", {**good, "streamfix": None}, "9")
    for seen in (probe.facts([str(tmp_path / "b.mp4")], {}), probe.facts([], {str(tmp_path / "x" / "m"): ""})):
        with pytest.raises(InputError, match=r"node n: .*: No such file or directory; mount the folder there under"):
            crew.check_facts("n", seen, __version__)
    with pytest.raises(InputError, match=r"another folder of this name is there"):
        crew.check_facts("n", probe.facts([], {str(mark): "there"}), __version__)


@pytest.mark.parametrize("address", ["nonsense", "host:99999", "ray://host:10001"])
def test_what_is_no_address(address: str) -> None:
    pytest.importorskip("ray", reason='Ray is not installed: pip install "streamfix[ray]"')
    with pytest.raises(UsageError, match=f"-address {address}: expected HOST:PORT of the head"), connected(address):
        pass


def test_where_nobody_listens() -> None:
    pytest.importorskip("ray", reason='Ray is not installed: pip install "streamfix[ray]"')
    with pytest.raises(InputError, match=r"-address 127\.0\.0\.1:1: Connection refused"), connected("127.0.0.1:1"):
        pass
