"""A playlist names the files that were made for its parts, whatever libav calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamfix.media.output.playlist_file import PlaylistFile, with_names


def playlist(*names: str) -> str:
    return "#EXTM3U\n" + "".join(f"#EXTINF:1.0,\n{name}\n" for name in names) + "#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("names", "made", "want"),
    [
        (["x.ts", "y.ts"], ["x.ts"], ["x.ts", "y.ts"]),
        (["x.ts", "y.ts", "x.ts"], ["x.ts", "x.1.ts"], ["x.ts", "y.ts", "x.1.ts"]),
        (["x.ts", "x.ts"], ["x.1.ts"], ["x.ts", "x.1.ts"]),  # the first is an earlier run's
        (["x.ts", "x.ts"], ["x.ts", "x.1.ts", "x.2.ts"], ["x.1.ts", "x.2.ts"]),  # the first has left the list
        (["2026/x.ts", "http://h/x.ts"], ["x.ts", "x.1.ts"], ["2026/x.ts", "http://h/x.1.ts"]),
        (["xx.ts", "x.ts.gz"], ["x.1.ts"], ["xx.ts", "x.ts.gz"]),
    ],
)
def test_the_last_of_a_name_are_those_made_last(names: list[str], made: list[str], want: list[str]) -> None:
    assert with_names(playlist(*names), {"/rec/x.ts": [f"/rec/{name}" for name in made]}) == playlist(*want)


def test_the_shared_header_is_named_too() -> None:
    text = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:1.0,\np.m4s\n'
    assert with_names(text, {"/a/init.mp4": ["/a/init.1.mp4"]}) == text.replace("init.mp4", "init.1.mp4")


def test_it_is_written_when_it_is_closed(tmp_path: Path) -> None:
    text = playlist("x.ts", "\udcff.ts").encode(errors="surrogateescape")
    file = PlaylistFile(str(tmp_path / "a.m3u8"), {"x.ts": ["x.3.ts"]})
    assert [file.write(text[:20]), file.write(text[20:])] == [20, len(text) - 20]
    assert not (tmp_path / "a.m3u8").exists()
    file.close()
    assert (tmp_path / "a.m3u8").read_bytes() == text.replace(b"x.ts", b"x.3.ts")
