"""What playlists name: HLS playlists, and lists for libav's concat demuxer."""

from __future__ import annotations

import re

HLS, CONCAT = b"#EXTM3U", b"ffconcat version"  # how they begin
_ATTRIBUTE = re.compile(r'URI="([^"]*)"')
_FILE = re.compile(r"\s*file\s+(.*)", re.DOTALL)


def names_in(text: str, *, concat: bool) -> list[str]:
    """What a playlist names, in order, each once. concat: it is a concat list, else HLS."""
    lines = text.splitlines()
    if concat:
        found = [_first_word(line[1]) for each in lines if (line := _FILE.fullmatch(each))]
    else:
        found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        found += _ATTRIBUTE.findall(text)
    return list(dict.fromkeys(found))


def _first_word(text: str) -> str:
    """The first word, as libav's av_get_token reads it: quotes keep everything, a backslash the next character."""
    word, quoted, i = "", False, 0
    while i < len(text):
        c = text[i]
        if c == "'":
            quoted = not quoted
        elif c == "\\" and not quoted and i + 1 < len(text):
            i += 1
            word += text[i]
        elif c.isspace() and not quoted:
            break
        else:
            word += c
        i += 1
    return word
