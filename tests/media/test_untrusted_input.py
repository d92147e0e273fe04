"""Input from anybody: playlists without end, huge pictures, texts that a terminal would obey, sound that comes late."""

from __future__ import annotations

import logging
import threading
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import av
import pytest

from streamfix.apps.cli.logs import _Formatter
from streamfix.errors import InputError, UsageError
from streamfix.media.input import opening, playlists
from streamfix.media.input.playlists import check_playlists
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.input.source import InputSource
from streamfix.media.interruption import Interruption
from streamfix.media.printable import printable
from streamfix.media.streams import describe
from tests.media.make import clip, packets, run, times

MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{}\n"
ALTERNATIVE = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",URI="{}"\n'
CONCAT = "ffconcat version 1.0\nfile '{}'\n"


@pytest.mark.parametrize("text", [MASTER, ALTERNATIVE, CONCAT, "#EXTM3U\n#EXTINF:1,\n{}\n"])
@pytest.mark.parametrize("by_way_of", [0, 2])
def test_a_playlist_that_names_itself(tmp_path: Path, text: str, by_way_of: int) -> None:
    names = [f"{i} list.m3u8" for i in range(by_way_of + 1)]
    for i, name in enumerate(names):
        (tmp_path / name).write_text(text.format(names[(i + 1) % len(names)]))
    with pytest.raises(InputError, match=r"the playlist names itself \(0 list\.m3u8 -> .*take that line out of it"):
        Reader([InputSpec(str(tmp_path / names[0]))])


def test_a_playlist_on_a_server_that_names_itself_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """libav follows it without end, and takes more and more memory."""
    (tmp_path / "list.m3u8").write_text(MASTER.format("list.m3u8"))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    request.addfinalizer(server.server_close)
    request.addfinalizer(server.shutdown)
    monkeypatch.setattr(opening, "OPENING_S", 1.0)
    url = f"http://127.0.0.1:{server.server_port}/list.m3u8"
    with pytest.raises(InputError, match=r"list\.m3u8: after 1 s nothing .* a playlist that names itself; download it"):
        Reader([InputSpec(url)])


def test_playlists_are_limited_in_depth_number_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(playlists.DEEPEST + 1):
        (tmp_path / f"{i}.txt").write_text(CONCAT.format(f"{i + 1}.txt"))
    (tmp_path / f"{playlists.DEEPEST + 1}.txt").write_text("no list")
    check_playlists(str(tmp_path / "1.txt"))
    with pytest.raises(InputError, match="more than 4 deep"):
        check_playlists(str(tmp_path / "0.txt"))
    many = [f"m{i}.m3u8" for i in range(playlists.MOST_PLAYLISTS)]
    for name in many:
        (tmp_path / name).write_text("#EXTM3U\n")
    (tmp_path / "all.m3u8").write_text("".join(MASTER.format(name) for name in many))
    with pytest.raises(InputError, match="more than 200 playlists"):
        check_playlists(str(tmp_path / "all.m3u8"))
    monkeypatch.setattr(playlists, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        check_playlists(str(tmp_path / "1.txt"))


def test_playlists_that_share_files_are_read(tmp_path: Path) -> None:
    clip(tmp_path / "it's one.ts", frames=5)
    name = "'it'\\''s one.ts'"
    (tmp_path / "in.txt").write_text(f"ffconcat version 1.0\nfile {name}\nfile {name}\n")
    run(InputSpec(str(tmp_path / "in.txt"), options={"safe": "0"}), tmp_path / "out.mkv")
    assert len(times(tmp_path / "out.mkv")) == 10


def test_a_picture_that_is_too_large_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", size=(64, 48))
    with pytest.raises(InputError, match=r"the picture is 64x48, more than 3000 pixels; .* -max_pixels 3072 before -i"):
        Reader([InputSpec(str(source), options={"max_pixels": "3000"})])
    with pytest.raises(UsageError, match="-max_pixels many"):
        Reader([InputSpec(str(source), options={"max_pixels": "many"})])
    reader = Reader([InputSpec(str(source), options={"max_pixels": "3072"})])
    assert len(list(reader)) == 10
    reader.close()


def test_control_characters_are_written_out() -> None:
    assert printable("a\x1b]0;title\x07\x9b2Jb\x7f\r\n\t\u202egnp.exe\udcff") == (
        r"a\x1b]0;title\x07\x9b2Jb\x7f\r\n\t\u202egnp.exe\udcff"
    )
    assert printable("two\n\tlines\r", lines=True) == "two\n\tlines\\r"
    assert printable("Größe 視頻 👍") == "Größe 視頻 👍"


def test_a_tag_does_not_reach_the_terminal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(clip(tmp_path / "plain.mkv", audio="aac"))) as old, av.open(str(source), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        streams[1].metadata["language"] = "\x1b[31mred\nnew line"
        for packet in old.demux():
            if packet.pts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    reader = Reader([InputSpec(str(source))])
    assert str(reader.streams[1]) == r"stream 0:1 (audio, aac, \x1b[31mred\nnew line)"
    reader.close()
    record = logging.LogRecord("streamfix.media", logging.INFO, "", 0, "%s", ("\x1b[2Jtag",), None)
    assert _Formatter().format(record) == r"[media] \x1b[2Jtag"


def test_sound_that_begins_after_what_libav_looks_at(tmp_path: Path) -> None:
    """Its codec is known from the beginning, and all else only once it is there."""
    source, rate = tmp_path / "in.ts", 5
    plain = clip(tmp_path / "plain.ts", frames=10 * rate, rate=rate, audio="mp2", options={"g": "5"})
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is None or (packet.stream_index == 1 and packet.dts * packet.time_base < 9):
                continue
            packet.stream = streams[packet.stream_index]
            new.mux(packet)
    run(source, tmp_path / "out.mkv")
    sound = packets(tmp_path / "out.mkv", 1)
    assert len(sound) > 50
    assert sound[0][0] - times(tmp_path / "out.mkv")[0] > Fraction(7)


def test_a_stream_that_appears_later_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """PyAV then ends the reading with an IndexError, and goes on behind that packet if it is asked again."""
    source = InputSource(InputSpec(str(clip(tmp_path / "in.ts"))), Interruption())
    source.select([describe(0, source.container.streams[0])])
    source.container, whole = cast(Any, _Growing(source.container)), source.container
    assert len(list(source.packets())) == 10
    whole.close()
    assert caplog.text.count("a stream appears that the file did not have at its beginning") == 1


class _Growing:
    """A container in which two streams appear."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self._left = 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def demux(self, streams: Any) -> Any:
        for i, packet in enumerate(self._whole.demux(streams)):
            if i == 4 and self._left:
                yield packet
                self._left -= 1
                raise IndexError("list index out of range")
            yield packet
