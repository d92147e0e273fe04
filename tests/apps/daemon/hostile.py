"""What the API is fuzzed with: addresses, filters and bodies, sound and hostile ones, and strategies of hypothesis.

ALLOWED and SECRET in them stand for two folders of the test's own: one that streams may use, and one beside it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

GOOD = (
    "rtsp://8.8.8.8/cam",
    "rtsp://public.example:554/cam?x=1",
    "http://8.8.8.8/a.ts",
    "srt://8.8.8.8:9000",
    "udp://8.8.8.8:9000",
    "rtmp://8.8.8.8/live/key",
    "ALLOWED/in.ts",
    "ALLOWED/out.mp4",
    "ALLOWED/out_%Y%m%d.mkv",
)
HOSTILE = (
    "SECRET/canary",
    "ALLOWED/../secret/canary",
    "ALLOWED/./../secret/canary",
    "ALLOWED//way_out/canary",
    "ALLOWED/way_out/%Y.mp4",
    "ALLOWED/%Y/../../secret/canary",
    "ALLOWED",
    "ALLOWED/",
    "file:SECRET/canary",
    "file://SECRET/canary",
    "FILE:SECRET/canary",
    "concat:ALLOWED/in.ts|SECRET/canary",
    "concatf:SECRET/canary",
    "subfile,,start,0,end,9,,:SECRET/canary",
    "crypto:SECRET/canary",
    "crypto+http://8.8.8.8/x",
    "async:SECRET/canary",
    "cache:file:SECRET/canary",
    "hls+file:SECRET/canary",
    "tee:SECRET/canary",
    "unix:SECRET/canary",
    "data:text/plain,x",
    "pipe:0",
    "pipe:",
    "fd:3",
    "-",
    "-i",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/stdin",
    "/dev/video0/../../etc/passwd",
    "canary",
    "./canary",
    "~/canary",
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://localhost/",
    "http://private.example/",
    "http://unknown.example/",
    "http://169.254.169.254/latest",
    "rtsp://10.0.0.1/cam",
    "rtsp://8.8.8.8@10.0.0.1/cam",
    "http://8.8.8.8\\@127.0.0.1/",
    "http://8.8.8.8#@127.0.0.1/",
    "http://8.8.8.8?@127.0.0.1/",
    "http://127.0.0.1%2f@8.8.8.8/",
    "rtsp:///cam",
    "udp://:9000",
    "udp://@9000",
    "udp://0.0.0.0:9000",
    "srt://8.8.8.8:0",
    "srt://8.8.8.8:99999",
    "gopher://8.8.8.8/",
    "rtsp://8.8.8.8/${env:HOME}",
    "${file:SECRET/canary}",
    "rtsp://8.8.8.8/${file:SECRET/canary}",
    "${credential:canary}",
    "$${env:HOME}",
    "${",
    "rtsp://***@8.8.8.8/yard",
    "***",
    "",
    " ",
    "\0",
    "a\nb",
    "\u202e/etc/passwd",
)
LONG = ("x" * 5000, "x_" * 5000, "rtsp://" * 500, "smooth," * 200, "/a" * 3000)
CHAINS = (
    "smooth",
    "null",
    "smooth=bogus=1",
    "denoise=tier=SECRET/canary",
    "model=SECRET/canary",
    "model='SECRET/canary'",
    "movie=SECRET/canary",
    "null,movie=SECRET/canary",
    "drawtext=textfile=SECRET/canary",
    "lut3d=file=SECRET/canary",
    "sendcmd=f=SECRET/canary",
    "metadata=mode=print:file=SECRET/canary",
    "hqdn3d",
    "scale=99999:99999",
    "'",
    "\\",
)
OPTIONS = (
    "rtsp_transport",
    "passphrase",
    "protocol_whitelist",
    "hls_key_info_file",
    "segment_list",
    "http_proxy",
    "cert_file",
    "headers",
    "x264-params",
    "stats",
    "passlogfile",
    "safe",
    "f",
    "",
)

METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])
texts = st.one_of(
    st.sampled_from(GOOD),
    st.sampled_from(HOSTILE),
    st.sampled_from(CHAINS),
    st.integers(0, len(LONG) - 1).map(LONG.__getitem__),
    st.text(max_size=20),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
options = st.dictionaries(st.sampled_from(OPTIONS), texts, max_size=2)
durations = st.one_of(st.sampled_from(["200ms", "1", 0.2, "-1s", "1e400", "fast", 0, -1, 10**30]), anything)
output = st.one_of(
    texts,
    st.fixed_dictionaries(
        {"url": texts},
        optional={
            "format": texts,
            "options": options,
            "video_codec": texts,
            "video_options": options,
            "overwrite": anything,
        },
    ),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "name": st.one_of(st.sampled_from(["yard", "a", "b", "A", "../b", "a" * 64, ""]), anything),
    "input": texts,
    "outputs": st.lists(output, max_size=3),
    "filters": st.one_of(st.sampled_from(CHAINS), texts),
    "input_format": st.sampled_from(["rtsp", "lavfi", "concat", "hls", "mpegts", "v4l2", "image2", "x", ""]),
    "input_options": options,
    "video_codec": st.sampled_from(["libx264", "copy", "rawvideo", "none", ""]),
    "video_options": options,
    "audio_codec": st.sampled_from(["copy", "aac", "x"]),
    "enabled": st.booleans(),
    "max_latency": durations,
    "lost_after": durations,
    "on_lost": st.sampled_from(["hold", "slate", "x"]),
    "ladder": st.lists(st.sampled_from(CHAINS), max_size=2),
    "unknown": anything,
}
sound = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["yard", "a", "b"]),
        "input": st.sampled_from(GOOD),
        "outputs": st.lists(st.sampled_from(GOOD), min_size=1, max_size=2, unique=True),
    }
)
changes = st.lists(
    st.sampled_from(sorted(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name])), max_size=2
).map(dict)
bodies = st.one_of(sound, st.builds(lambda body, change: {**body, **change}, sound, changes), anything)
names = st.sampled_from(["yard", "a", "b"])
hostile_names = texts.map(lambda text: quote(text, safe=""))
rests = st.sampled_from(
    [
        *("", "/start", "/stop", "/retry", "/history", "/events", "/snapshot.jpg?side=both&width=64", "/nothing"),
        *("/recordings?limit=2&until=1e9", "/recordings/1/out.mp4", "/recordings/1/..%2f..%2fsecret%2fcanary"),
        *("/recordings/1/way_out/canary", "/recordings/1//etc/passwd", "/recordings/2/out_20260101.mkv"),
    ]
)
ROUTES = ["/api/streams", "/api/reload", "/api/login", "/api/system", "/api/save", "/api/defaults", "/metrics"]
requests = st.sampled_from(
    (
        st.tuples(st.just("POST"), st.just("/api/streams"), bodies),
        st.tuples(st.just("PUT"), names.map("/api/streams/{}".format), bodies),
        st.tuples(st.just("PATCH"), names.map("/api/streams/{}".format), st.one_of(changes, anything)),
        st.tuples(
            st.sampled_from(["GET", "POST", "DELETE"]), st.builds("/api/streams/{}{}".format, names, rests), changes
        ),
        st.tuples(METHODS, st.builds("/api/streams/{}{}".format, hostile_names, rests), bodies),
        st.tuples(
            st.sampled_from(["GET", "HEAD", "DELETE"]),
            st.builds("/api/streams/{}/recordings/1/{}".format, names, hostile_names),
            anything,
        ),
        st.tuples(METHODS, st.sampled_from(ROUTES), bodies),
        st.tuples(METHODS, texts.map(lambda text: "/" + quote(text)), bodies),
    )
).flatmap(lambda request: request)
