"""Boxes and tags of MP4 that libav does not write: they are kept, or named."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest

from tests.media.make import clip, hashes, run


def box(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def children(data: bytes, path: str = "") -> list[tuple[bytes, bytes]]:
    """(type, data) of the boxes in a file, or in the box that a path such as "moov/udta" names."""
    found, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        head = 16 if size == 1 else 8
        size = struct.unpack(">Q", data[at + 8 : at + 16])[0] if size == 1 else size
        found.append((kind, data[at + head : at + size]))
        at += size
    assert at == len(data)
    if not path:
        return found
    first, _, rest = path.partition("/")
    return children(next(d for k, d in found if k == first.encode()), rest)


LOG = [b"GPS " + bytes([n]) * 60 for n in range(3)]  # blocks of a dashcam's log


@pytest.fixture(scope="module")
def dashcam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boxes of makers in the file, in `moov` and in `udta`; the log's table points into the data and behind `moov`."""
    path = clip(tmp_path_factory.mktemp("boxes") / "dashcam.mp4", audio="aac", metadata={"title": "a drive"})
    data = path.read_bytes()
    found = children(data)
    assert [k for k, _ in found][-1] == b"moov"
    moov = found[-1][1]
    front = data[: -len(moov) - 8]
    blocks = [box(b"free", b) for b in LOG]
    hidden = box(b"mdat", b"xxxx" + blocks[0] + b"yyyy")
    udta = box(
        b"udta", next(d for k, d in children(moov) if k == b"udta") + box(b"FIRM", b"v1.2") + box(b"\xa9xsp", b"7")
    )
    rest = b"".join(box(k, d) for k, d in children(moov) if k != b"udta") + udta + box(b"AMBA", b"firmware")
    begin = len(front) + len(hidden) + 8 + len(rest) + 16 + 8 * 3
    places = [len(front) + 12, begin, begin + len(blocks[1])]
    pairs = b"".join(struct.pack(">2I", at, len(blocks[0])) for at in places)
    table = box(b"gps ", struct.pack(">2I", 0x101, 3) + pairs)
    padding = box(b"free", bytes(50)) + box(b"skip", b"Encoded with an encoder of some name")
    path.write_bytes(front + hidden + box(b"moov", rest + table) + blocks[1] + blocks[2] + padding + box(b"3dv2", b"!"))
    assert [path.read_bytes()[at + 8 :][: len(LOG[0])] for at in places] == LOG
    return path


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_boxes_of_makers_are_kept(dashcam: Path, tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / f"out.{ending}"
    run(dashcam, out)
    data = out.read_bytes()
    assert [d for k, d in children(data) if k == b"3dv2"] == [b"!"]
    assert dict(children(data, "moov"))[b"AMBA"] == b"firmware"
    udta = children(data, "moov/udta")
    assert dict(udta)[b"FIRM"] == b"v1.2"
    assert dict(udta)[b"\xa9xsp"] == b"7"
    assert len({k for k, _ in udta}) == len(udta)
    table = dict(children(data, "moov"))[b"gps "]
    places = [at for at, _ in struct.iter_unpack(">2I", table[8:])]
    assert [data[at + 8 :][: len(LOG[0])] for at in places] == LOG, "the table points to the log's blocks"
    assert not any(k in (b"free", b"skip") and d and d[:4] != b"GPS " for k, d in children(data)[2:])
    assert hashes(out)
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "a drive"
        assert len(container.streams.audio) == 1
    assert caplog.text == ""
    again = tmp_path / "again.mp4"
    run(out, again)
    assert dict(children(again.read_bytes(), "moov"))[b"AMBA"] == b"firmware"


def test_boxes_that_are_not_kept_are_named(dashcam: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(dashcam, tmp_path / "out.mkv")
    assert "out.mkv: matroska keeps no boxes of makers: FIRM" in caplog.text
    assert "AMBA, gps, free, 3dv2" in caplog.text
    assert "write to a file in .mp4" in caplog.text
    caplog.clear()
    run(dashcam, tmp_path / "out.mp4", options={"movflags": "+frag_keyframe+empty_moov"})
    assert "AMBA, gps, free, 3dv2" in caplog.text
    caplog.clear()
    run(dashcam, tmp_path / "bare.mkv", map_metadata=False)
    assert caplog.text == "", "they go with the tags"


TAGS = {
    "title": "a title", "com.apple.quicktime.location.ISO6709": "+48.1+011.1+500/", "com.android.version": "13",
    "com.apple.quicktime.make": "Äpfel", "performer": "someone",
}  # fmt: skip


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm", "nut"])
def test_tags_of_any_name_are_kept(tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", metadata=TAGS)
    out = tmp_path / f"out.{ending}"
    run(source, out, **({"video_codec": "libvpx-vp9"} if ending == "webm" else {}))
    with av.open(str(out)) as container:
        tags = {k.lower(): v for k, v in container.metadata.items()}
    assert {k.lower(): v for k, v in TAGS.items()}.items() <= tags.items()
    assert caplog.text == ""


def test_phones_keys_go_from_mov_to_mp4(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mov", metadata=TAGS, container_options={"movflags": "use_metadata_tags"})
    run(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert TAGS.items() <= container.metadata.items()


def test_tags_that_are_not_kept_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", metadata=TAGS)
    run(source, tmp_path / "out.ts")
    said = caplog.text
    assert "out.ts: mpegts keeps no tags" in said
    assert all(key in said or key.upper() in said for key in TAGS)
    caplog.clear()
    run(source, tmp_path / "out.mp4", options={"movflags": "+frag_keyframe+empty_moov"})
    assert "com.android.version" in caplog.text.lower()
    assert "title" not in caplog.text, "mp4 holds it"
