"""`privacy` in a chain: what it covers is in no output, no filter's memory, no frame of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import streamfix
from streamfix.chainspec import parse_chain
from streamfix.errors import BadOption, Cancelled, InputError, UsageError
from streamfix.frame import Frame
from streamfix.jobs import Hosting, JobSpec, build_job, check_chain, hoisted, restore_stage, split_privacy
from streamfix.jobs.job import Resume
from streamfix.jobs.segments.manifest import check, description
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.output.request import request_of
from streamfix.media.privacy.zones import Privacy, Zone
from streamfix.media.specs import InputSpec, OutputSpec
from streamfix.stream import Stream
from tests.fakes.waiting import LONG_S
from tests.media.secrets import ZONES, secret_clip, touched

SIZE = (64, 48)


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """The file of zones."""
    path = tmp_path / "zones.toml"
    path.write_text("".join(f"[[zone]]\npoints = {[list(point) for point in points]}\n" for points in ZONES))
    return path


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Two clips that differ in the zones alone."""
    return [secret_clip(tmp_path / f"in{s}.mkv", s, touched(ZONES, *SIZE), frames=6) for s in (1, 2)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def job(path: Path, folder: Path, chain: str, **more: Any) -> JobSpec:
    folder.mkdir(exist_ok=True)
    lossless: dict[str, Any] = {"video_codec": "ffv1", "format_options": {"fflags": "+bitexact"}}
    return JobSpec(
        inputs=(InputSpec(str(path)),),
        outputs=(OutputSpec(str(folder / "out.mkv"), **lossless), OutputSpec(str(folder / "%d.jpg"), format="image2")),
        filters=tuple(parse_chain(chain)),
        **more,
    )


@pytest.mark.parametrize("live", [None, LivePolicy(max_latency_s=LONG_S, unattended=True)], ids=["file", "live"])
@pytest.mark.parametrize("chain", ["", ",smooth", ",hflip,scale=96:80"])
def test_what_is_covered_is_in_no_output_and_no_stage_sees_it(
    chain: str, live: LivePolicy | None, clips: list[Path], zones: Path, tmp_path: Path
) -> None:
    made, passed = [], []
    for path in clips:
        seen: list[Any] = []

        def look(stage: str, item: object, seconds: float, seen: list[Any] = seen) -> None:
            if isinstance(item, Frame):
                seen.append((stage, item.pts, *(p.tobytes() for p in item.picture.planes(item.color).data)))

        folder = tmp_path / path.stem
        build_job(job(path, folder, f"privacy=zones={zones}{chain}", live=live), Hosting(worked=look)).run()
        made.append(contents(folder))
        passed.append(sorted(set(seen)))
    assert made[0].keys() == made[1].keys() == {"out.mkv", *(f"{n}.jpg" for n in range(1, 7))}
    assert made[0] == made[1]
    assert passed[0] == passed[1] != []


def test_without_privacy_the_clips_differ(clips: list[Path], tmp_path: Path) -> None:
    for path in clips:
        build_job(job(path, tmp_path / path.stem, "null")).run()
    one, other = (contents(tmp_path / path.stem) for path in clips)
    assert all(one[name] != other[name] for name in one)


def test_a_resumed_job_covers_too(clips: list[Path], zones: Path, tmp_path: Path) -> None:
    made = []
    for path in clips:
        spec = job(path, tmp_path / path.stem, f"privacy=zones={zones}", resume=Resume())
        build_job(JobSpec(spec.inputs, spec.outputs[:1], spec.filters, resume=Resume())).run()
        with streamfix.open(tmp_path / path.stem / "out.mkv") as video:
            made.append([f.rgb().tobytes() for f in video])
    assert made[0] == made[1]
    assert len(made[0]) == 6


def test_a_resumed_job_of_other_zones_is_another_job(clips: list[Path], zones: Path, tmp_path: Path) -> None:
    spec = job(clips[0], tmp_path / "out", f"privacy=zones={zones}")
    same, without = hoisted(spec), JobSpec(spec.inputs, spec.outputs)
    zones.write_text("[[zone]]\npoints = [[0, 0], [1, 0], [1, 1]]\n")
    other = hoisted(spec)
    output = spec.outputs[0]
    request = request_of(output, "matroska", "ffv1")
    first, *rest = (description(one, Resume(), request) for one in (same, without, other))
    for changed in rest:
        with pytest.raises(UsageError, match="zones of privacy"):
            check(first, changed, str(tmp_path))
    check(first, description(same, Resume(), request), str(tmp_path))


def arrays(thing: Any, done: set[int]) -> Iterator[np.ndarray[Any, Any]]:
    """Every array that can be reached from an object."""
    if id(thing) in done or isinstance(thing, type | str | bytes | int | float):
        return
    done.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, torch.Tensor):
        yield thing.numpy()
    elif isinstance(thing, Frame):
        yield from thing.picture.planes(thing.color).data
        if thing.origin is not None:
            yield thing.origin.to_ndarray()
    elif isinstance(thing, dict):
        for value in list(thing.values()):
            yield from arrays(value, done)
    elif isinstance(thing, list | tuple | set | frozenset) or type(thing).__name__ == "deque":
        for value in list(thing):
            yield from arrays(value, done)
    elif type(thing).__module__.split(".")[0].startswith("streamfix"):
        slots = (slot for kind in type(thing).__mro__ for slot in getattr(kind, "__slots__", ()))
        names = {*getattr(thing, "__dict__", {}), *slots}
        for name in sorted(names - {"__weakref__", "__dict__"}):
            yield from arrays(getattr(thing, name, None), done)


def remembered(path: Path, chain: str) -> list[bytes]:
    """What a stream's filters hold in the middle of a clip."""
    with streamfix.open(path) as video, Stream(chain, live=False) as stream:
        for frame in video:
            stream.push(frame)
        return [a.tobytes() for a in arrays(stream._restoration, set()) if a.size >= SIZE[0] * SIZE[1] // 8]


@pytest.mark.parametrize("filter", ["smooth", pytest.param("denoise=lookahead=2", marks=pytest.mark.slow)])
def test_no_filter_remembers_it(filter: str, clips: list[Path], zones: Path) -> None:
    one, other = (remembered(path, f"privacy=zones={zones},{filter}") for path in clips)
    assert len(one) > 2
    assert one == other
    assert remembered(clips[0], filter) != remembered(clips[1], filter)


def test_the_library_gives_covered_frames(clips: list[Path], zones: Path) -> None:
    found = []
    for path in clips:
        with streamfix.open(path) as video:
            frames = list(video.filter(f"privacy=zones={zones}"))
        found.append([f.rgb().tobytes() for f in frames])
        found[-1] += [made.to_ndarray().tobytes() for f in frames for made in (f.av(), f.origin)]
    assert found[0] == found[1]
    assert len(found[0]) == 3 * 6


@pytest.mark.parametrize("kind", ["array", "tensor", "av", "frame"])
def test_a_stream_covers_whatever_is_pushed(kind: str, clips: list[Path], zones: Path) -> None:
    found: list[list[bytes]] = []
    given: list[bytes] = []
    for path in clips:
        with streamfix.open(path) as video, Stream(f"privacy=zones={zones}", format="rgb24") as stream:
            frame = next(iter(video))
            makes: dict[str, Callable[[], Any]] = {
                "array": frame.rgb,
                "tensor": lambda: torch.from_numpy(frame.rgb()),  # noqa: B023
                "av": frame.av,
                "frame": lambda: frame,  # noqa: B023
            }
            pushed = makes[kind]()
            before = frame.rgb().tobytes()
            (made,) = stream.push(pushed)
            found.append([made.rgb().tobytes(), made.av().to_ndarray().tobytes()])
            assert frame.rgb().tobytes() == before  # the host's own picture is left alone
            given.append(before)
    if kind in ("array", "tensor"):  # chroma was interpolated before: pixels beside a zone show some of it
        mask = touched(ZONES, *SIZE)
        pictures = [np.frombuffer(f[0], np.uint8).reshape(SIZE[1], SIZE[0], 3)[mask] for f in found]
        assert (pictures[0] == 0).all()
        assert (pictures[1] == 0).all()
    else:
        assert found[0] == found[1]
    assert given[0] != given[1]


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        ("smooth,privacy=zones={z}", "privacy must stand first in the chain: smooth in front of it would see"),
        ("privacy=zones={z},null,privacy=zones={z}", "null in front of it"),
        ("privacy", "privacy needs zones"),
        ("privacy=zones={z}:mode=blue", "'blue' is not solid or mosaic or blur"),
        ("privacy=zones={z}:color=red", "'red' is no colour; it takes RRGGBB"),
        ("privacy=zones={z}:objects=person", "privacy has no option 'objects'"),
        ("privacy=zones=/no/zones.toml", "/no/zones.toml: the zones cannot be read"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_runs(
    chain: str, says: str, clips: list[Path], zones: Path, tmp_path: Path
) -> None:
    text = chain.format(z=zones)
    for start in (
        lambda: check_chain(parse_chain(text)),
        lambda: build_job(job(clips[0], tmp_path / "out", text)),
        lambda: build_job(job(clips[0], tmp_path / "out", text, live=LivePolicy())),
        lambda: Stream(text),
        lambda: streamfix.open(clips[0]).filter(text),
    ):
        with pytest.raises(UsageError) as raised:
            start()
        assert says in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_where_no_reader_is_it_does_not_pass_for_a_mask(zones: Path) -> None:
    chain = parse_chain(f"privacy=zones={zones},smooth")
    with pytest.raises(BadOption, match="burnt in where pictures are read"):
        restore_stage(chain)


def test_a_lighter_step_cannot_have_its_own(clips: list[Path], zones: Path, tmp_path: Path) -> None:
    policy = LivePolicy(ladder=(f"privacy=zones={zones}",))
    with pytest.raises(BadOption, match="it holds for every step"):
        build_job(job(clips[0], tmp_path / "out", "smooth", live=policy))


def test_two_in_a_row_cover_both(zones: Path, tmp_path: Path) -> None:
    found, rest = split_privacy(parse_chain(f"privacy={zones}:mosaic,privacy=zones={zones}:audit=a.jsonl,smooth"))
    assert found is not None
    assert [zone.mode for zone in found.zones] == ["mosaic", "mosaic", "solid", "solid"]
    assert found.audit == "a.jsonl"
    assert [spec.name for spec in rest] == ["smooth"]


def test_each_connection_to_a_camera_covers() -> None:
    opened: list[Any] = []

    def refuse(*_: object, privacy: Privacy, **__: object) -> Any:
        opened.append(privacy)
        raise InputError("the camera is away")

    def wait(seconds: float) -> None:
        if len(opened) >= 3:
            source.stop()

    privacy = Privacy((Zone(((0, 0), (1, 0), (1, 1)), "z"),))
    source = LiveSource(
        *(InputSpec("rtsp://camera/x"), LivePolicy(), Health()), privacy=privacy, open=refuse, pause=wait
    )
    with pytest.raises(Cancelled):
        source.open()
    source.close()
    assert len(opened) >= 3
    assert all(given is privacy for given in opened)
