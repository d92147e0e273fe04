"""Which tags and dispositions a container holds: each was written with libavformat's muxers and read again."""

from __future__ import annotations

from collections.abc import Mapping

from av.stream import Disposition

from .muxer_options import MOV_LIKE

_MP4 = {
    *("title", "artist", "album_artist", "album", "comment", "composer", "copyright", "date", "creation_time", "disc"),
    *("description", "genre", "grouping", "keywords", "lyrics", "network", "show", "episode_id", "synopsis", "track"),
    *("compilation", "gapless_playback", "hd_video", "media_type", "location", "timecode", "encoder"),
}
_MOV = {
    *("title", "artist", "album", "comment", "copyright", "date", "creation_time", "genre", "location", "make"),
    *("model", "timecode", "encoder"),
}
_3GP = {"creation_time", "location", "timecode"}
_OF_FILES = {
    **dict.fromkeys(MOV_LIKE, _MP4),
    "mov": _MOV,
    **dict.fromkeys(("3gp", "3g2"), _3GP),
    "mpegts": {"service_name", "service_provider"},
    "avi": {"title", "artist", "comment", "date", "copyright", "genre", "track", "encoded_by", "language", "album"},
}
_MP4_STREAM = {"language", "title", "name", "handler_name", "vendor_id", "creation_time", "timecode"}
_OF_STREAMS = {
    **dict.fromkeys(MOV_LIKE, _MP4_STREAM),
    "mpegts": {"language", "service_name", "service_provider"},
    "avi": {"title"},
    "flv": set[str](),
}
# What describes the old file and is made anew, or says nothing.
_OF_THE_OLD_FILE = {
    *("encoder", "major_brand", "minor_version", "compatible_brands", "duration", "handler_name", "vendor_id", "bps"),
    *("number_of_frames", "number_of_bytes", "alpha_mode", "rotate", "id3v2_priv", "source_id", "variant_bitrate"),
    *("service_name", "service_provider"),
}


_MKV_DISPOSITIONS = {"dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired"}
_DISPOSITIONS = {
    **dict.fromkeys(MOV_LIKE, (_MKV_DISPOSITIONS | {"captions", "descriptions"}) - {"original"}),
    "mov": set[str](),
    "matroska": _MKV_DISPOSITIONS | {"captions", "descriptions"},
    "webm": {"forced"},
    "mpegts": {"hearing_impaired", "visual_impaired", "clean_effects"},
    "nut": {"dub", "original", "comment", "lyrics", "karaoke"},
    "avi": set[str](),
    "flv": set[str](),
}
# "default" says nothing where it is not kept, and attached pictures are streams of their own kind.
_SAID_ELSEWHERE = {"default", "attached_pic", "timed_thumbnails", "still_image", "metadata"}


# QuickTime numbers its languages, and libav's table of them has one of the two codes that ISO 639-2 gives some.
_MOV_LANGUAGES = {
    "deu": "ger",
    "nld": "dut",
    "ell": "gre",
    "isl": "ice",
    "zho": "chi",
    "sqi": "alb",
    "hye": "arm",
    "kat": "geo",
    "mya": "bur",
    "msa": "may",
    "bod": "tib",
    "swe": "sve",
    "mkd": "mac",
    "fre": "fra",
    "rum": "ron",
    "cze": "ces",
    "slo": "slk",
}


def spelled_language(format: str, language: str) -> str:
    """The code that the container's muxer knows the language by."""
    return _MOV_LANGUAGES.get(language, language) if format == "mov" else language


def unheld_tags(format: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Those tags of a file that a container leaves out; {} for one that holds all, or pictures alone."""
    return _unheld(_OF_FILES.get(format), tags)


def unheld_stream_tags(format: str, tags: Mapping[str, str]) -> dict[str, str]:
    """The same for tags of a stream."""
    return _unheld(_OF_STREAMS.get(format), tags)


def unheld_dispositions(format: str, flags: int) -> list[str]:
    """The names of a stream's dispositions ("forced" ...) that a container leaves out."""
    held = _DISPOSITIONS.get(format)
    if held is None:
        return []
    return [d.name for d in Disposition if d.name and d.value & flags and d.name not in held | _SAID_ELSEWHERE]


def _unheld(held: set[str] | None, tags: Mapping[str, str]) -> dict[str, str]:
    if held is None:
        return {}
    return {
        key: value
        for key, value in tags.items()
        if value and not _is_held(key.lower(), held) and not key.upper().startswith("_STATISTICS")
    }


def _is_held(key: str, held: set[str]) -> bool:
    """True also for a name with its language, such as "title-eng", which demuxers give beside "title"."""
    stem = key.rsplit("-", 1)[0] if key[-4:-3] == "-" else key
    return not held.isdisjoint((key, stem)) or stem in _OF_THE_OLD_FILE
