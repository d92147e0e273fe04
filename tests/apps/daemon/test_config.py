"""The daemon's configuration: what is read is what was written, and all that is wrong is told with its line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from fractions import Fraction
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.access.urls import Allowed
from streamfix.apps.daemon.config.config import (
    ConfigError,
    DaemonConfig,
    OutputConfig,
    StreamConfig,
    load,
    stream_from,
)
from streamfix.apps.daemon.config.job import job_spec
from streamfix.apps.daemon.config.options import as_table, option, options_of, read_table, schema_of
from streamfix.apps.daemon.config.problems import Problems, place_text, shown
from streamfix.apps.daemon.config.spec import read_stream
from streamfix.apps.daemon.config.values import Seconds, seconds
from streamfix.apps.daemon.http.document import stream_schemas
from streamfix.apps.daemon.recordings.retention import Limits
from streamfix.errors import BadOption, InputError, UsageError

CLIP = "rtsp://10.0.0.5/stream"
OUT = "rtsp://127.0.0.1:8554/yard"
OPEN = DaemonConfig(allow_private=True, allow_folders=(Path("/srv"),))


def read(tmp_path: Path, text: str) -> DaemonConfig:
    path = tmp_path / "streams.toml"
    path.write_text(text)
    return load(path)


def complaints(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a file, a line each, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


def stream(text: str = "") -> str:
    return f'[[streams]]\nname = "yard"\ninput = "{CLIP}"\noutputs = ["{OUT}"]\n{text}\n'


# -- laws

OPTIONS = st.dictionaries(
    st.from_regex(r"[a-z_]{1,6}", fullmatch=True), st.from_regex(r"[a-z0-9.]{0,6}", fullmatch=True)
)
TIMES = st.floats(1e-6, 86400)
OUTPUTS = st.builds(
    OutputConfig,
    url=st.sampled_from([OUT, "srt://h:9", "/srv/a.mp4", "rtmp://${env:A}@h/x"]),
    format=st.none() | st.just("mpegts"),
    options=OPTIONS,
    video_codec=st.none() | st.just("libx265"),
    video_options=OPTIONS,
    audio_codec=st.none() | st.just("aac"),
    overwrite=st.booleans(),
)
STREAMS = st.builds(
    StreamConfig,
    name=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,62}", fullmatch=True),
    input=st.sampled_from([CLIP, "udp://:9", "/dev/video0", "rtsp://${env:A}:${file:/b}@h/x"]),
    outputs=st.lists(OUTPUTS, min_size=1, max_size=3, unique_by=lambda o: o.url).map(tuple),
    filters=st.sampled_from(["", "null", "atadenoise=s=9,scale=iw/2:-2"]),
    enabled=st.booleans(),
    input_format=st.none() | st.just("mpegts"),
    input_options=OPTIONS,
    audio=st.booleans(),
    audio_codec=st.sampled_from(["copy", "aac"]),
    video_codec=st.none() | st.just("libx264"),
    video_options=OPTIONS,
    max_latency_s=TIMES,
    on_lost=st.sampled_from(["wait", "hold", "slate", "end"]),
    on_damaged=st.sampled_from(["pass", "hold"]),
    lost_after_s=TIMES,
    open_timeout_s=TIMES,
    queue_s=TIMES,
    queue_bytes=st.integers(0, 2**34),
    ladder=st.none() | st.lists(st.sampled_from(["null", "atadenoise"]), max_size=2).map(tuple),
)


@settings(max_examples=25, deadline=None)
@given(STREAMS)
def test_a_stream_written_down_is_the_stream_again(made: StreamConfig) -> None:
    """Through JSON too, and, the operator's own as it is, with all its rights."""
    again = stream_from(json.loads(json.dumps(made.as_mapping())), OPEN, known=made)
    assert again == made
    assert not again.foreign and not any(output.foreign for output in again.outputs)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*options_of(StreamConfig), "foreign", "nmae"]), JUNK, max_size=6), st.booleans()
)
def test_whatever_comes_is_a_stream_or_a_usage_error(junk: dict[str, Any], filled: bool) -> None:
    whole = {"name": "yard", "input": CLIP, "outputs": [OUT], **junk} if filled else junk
    try:
        made = stream_from(whole, OPEN)
    except ConfigError as error:
        problems, message = error.problems, str(error)
    else:
        assert stream_from(made.as_mapping(), OPEN) == made
        return
    assert problems and all(p.text for p in problems)
    message.encode()  # can be logged


@settings(max_examples=25, deadline=None)
@given(JUNK)
def test_anything_but_a_table_is_no_stream(junk: Any) -> None:
    if not isinstance(junk, Mapping):
        with pytest.raises(ConfigError):
            stream_from(junk, OPEN)


def test_every_field_is_an_option_but_what_nobody_sets() -> None:
    for kind, inner in (
        (StreamConfig, {"foreign"}),
        (OutputConfig, {"foreign"}),
        (DaemonConfig, {"cluster", "health", "defaults", "streams", "origin"}),
    ):
        names = [f.name for f in dataclasses.fields(kind) if f.name not in inner]
        assert [option.name for option in options_of(kind).values()] == names


@dataclasses.dataclass(frozen=True)
class _Extended(OutputConfig):
    """An output with one more option, declared as a programmer would: one field."""

    delay_s: Annotated[Seconds, option("Delay", "How long it is held back.", group="More")] = 1.0


def test_an_option_is_written_once() -> None:
    """What is read, written down, and described follows from the field."""
    problems = Problems()
    read = read_table(_Extended, (), {"url": OUT, "delay": "200ms"}, problems)
    assert (read, problems.found) == ({"url": OUT, "delay_s": 0.2}, [])
    assert as_table(_Extended(**read))["delay"] == "0.2s"
    described = schema_of(_Extended)["properties"]["delay"]
    assert described["title"] == "Delay" and described["description"] == "How long it is held back."
    assert described["x-group"] == "More" and described["default"] == "1.0s"
    read_table(_Extended, ("outputs", 0), {"url": OUT, "delay": "fast"}, problems)
    read_table(_Extended, ("outputs", 1), {"url": OUT, "dely": 1}, problems)
    assert [place_text(p.place) for p in problems.found] == ["outputs[0].delay", "outputs[1].dely"]
    assert "did you mean 'delay'?" in problems.found[1].text


def test_whatever_is_an_option_is_read_and_described_and_written_down() -> None:
    keys = list(options_of(StreamConfig))
    assert list(OWN.as_mapping()) == list(OWN.as_mapping(redacted=True)) == keys
    body, change = (stream_schemas()[name] for name in ("StreamBody", "StreamChange"))
    assert list(body["properties"]) == keys and list(change["properties"]) == keys[1:]
    assert body["required"] == ["name", "input", "outputs"] and "required" not in change
    for schema in (body, schema_of(OutputConfig), schema_of(DaemonConfig)):
        for said in schema["properties"].values():
            assert said["title"] and said["description"] and "x-group" in said
    entry = body["properties"]["outputs"]["items"]["anyOf"][1]
    assert list(entry["properties"]) == list(OWN.as_mapping()["outputs"][0]) == list(options_of(OutputConfig))
    # [[streams]] takes each, from TOML: what is written down is read again.
    read, _, problems = read_stream(OWN.as_mapping(), {})
    assert read == OWN and problems == []
    defaults = {key: value for key, value in OWN.as_mapping().items() if key != "name"}
    assert read_stream({"name": "yard"}, defaults)[0] == OWN


def test_what_came_from_where_cannot_be_set(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, stream('foreign = ["input"]'))
    assert "foreign = " in line and "there is no such key" in line
    with pytest.raises(ConfigError, match="there is no such key"):
        stream_from({**BODY, "outputs": [{"url": "rtsp://server/y", "foreign": False}]}, HTTP)


@settings(deadline=None)
@given(st.floats(1e-6, 7 * 86400))
def test_times_come_back(time_s: float) -> None:
    assert seconds(time_s) == seconds(f"{time_s!r}s") == seconds(f"{time_s!r}") == time_s


# -- what is read


@pytest.mark.parametrize(
    ("input", "transport", "options", "want"),
    [
        (CLIP, "udp", {}, {"rtsp_transport": "udp"}),
        (CLIP, "tcp", {"rtsp_transport": "tcp"}, {"rtsp_transport": "tcp"}),
        (CLIP, None, {}, {}),
        ("srt://10.0.0.5:9000", "tcp", {}, {}),
    ],
)
def test_a_transport_is_an_rtsp_cameras(
    input: str, transport: str | None, options: dict[str, str], want: dict[str, str]
) -> None:
    made = stream_from({**BODY, "input": input, "transport": transport, "input_options": options}, OPEN)
    found = job_spec(made, Secrets({}), OPEN.allowed).inputs[0].options
    assert {k: v for k, v in found.items() if k == "rtsp_transport"} == want


def test_two_transports_are_told(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, stream('transport = "tcp"\ninput_options = {rtsp_transport = "udp"}'))
    assert line.startswith("streams.toml:5: streams[0].transport") and "keep one of the two" in line
    (line,) = complaints(tmp_path, stream('transport = "tpc"'))
    assert "did you mean 'tcp'?" in line


def test_how_long_recordings_are_kept(tmp_path: Path) -> None:
    """The defaults' table is added to."""
    text = stream("retention = {max_size = '5GB'}")
    config = read(tmp_path, f"[defaults]\nretention = {{max_age = '14d', max_size = 2_000_000_000}}\n{text}")
    assert config.streams[0].limits == Limits(14 * 86400.0, 5 * 10**9)
    (line,) = complaints(tmp_path, stream("retention = {max_ag = '14d'}"))
    assert "there is no limit 'max_ag'; did you mean 'max_age'?" in line
    (line,) = complaints(tmp_path, stream("retention = {max_age = '10s'}"))
    assert "max_age takes an age of a minute or more" in line
    (line,) = complaints(tmp_path, stream("retention = 14"))
    assert 'it takes a table, as in {max_age = "14d"' in line


def test_a_read_token_needs_a_token(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, '[daemon]\nread_token = "only-to-look-at-it"\n')
    assert line.startswith("streams.toml:2: daemon.read_token") and "set token too" in line
    assert "only-to-look" not in line


def test_an_empty_file_is_a_daemon_without_streams(tmp_path: Path) -> None:
    assert read(tmp_path, "") == DaemonConfig()


def test_a_whole_file(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        f"""
        [daemon]
        host = "0.0.0.0"
        port = 9000
        hosts = ["cams.example.org"]
        token = "${{file:/run/secrets/token}}"
        log = "json"
        max_load = 0.5
        device = "cpu"
        drain = "5s"
        allow_schemes = ["rtsp", "srt"]
        allow_folders = ["{tmp_path}"]
        allow_private = ["10.0.0.0/8", "::1"]
        allow_secrets = ["env:CAM_USER"]
        [defaults]
        on_lost = "hold"
        input_options = {{rtsp_transport = "tcp", timeout = 5000000}}
        [[streams]]
        name = "yard"
        input = "rtsp://${{env:CAM_USER}}:${{env:CAM_PASSWORD}}@10.0.0.5/stream"
        outputs = [
            "rtsp://127.0.0.1:8554/yard",
            {{url = "{tmp_path}/y_%Y.mp4", format = "segment", options = {{strftime = true}}}},
        ]
        filters = "atadenoise"
        max_latency = "100ms"
        input_options.rtsp_transport = "udp"
        ladder = []
        [[streams]]
        name = "gate"
        input = "srt://127.0.0.1:9000"
        outputs = [{{url = "srt://127.0.0.1:9001", video_options = {{crf = 20.5}}}}]
        on_lost = "slate"
        enabled = false
        """,
    )
    assert config.host == "0.0.0.0" and config.token == "${file:/run/secrets/token}" and config.drain_s == 5
    assert config.allow_private == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert config.allowed == Allowed(
        frozenset({"rtsp", "srt"}), (tmp_path,), config.allow_private, frozenset({"env:CAM_USER"})
    )
    yard, gate = config.streams
    assert yard.input_options == {"rtsp_transport": "udp", "timeout": "5000000"}, "the defaults' table is added to"
    assert (yard.on_lost, yard.max_latency_s, yard.ladder) == ("hold", 0.1, ())
    assert yard.outputs[1] == OutputConfig(f"{tmp_path}/y_%Y.mp4", "segment", {"strftime": "1"})
    assert (gate.on_lost, gate.enabled, gate.ladder) == ("slate", False, None)
    assert gate.outputs[0].video_options == {"crf": "20.5"}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("200ms", 0.2),
        ("20s", 20.0),
        ("2min", 120.0),
        ("1h", 3600.0),
        ("1.5", 1.5),
        (".5 s", 0.5),
        (3, 3.0),
        (0.25, 0.25),
    ],
)
def test_times(text: Any, want: float) -> None:
    assert seconds(text) == want


@pytest.mark.parametrize(
    "value", ["", "fast", "-1s", "0", 0, -1, "1d", "1:30", float("nan"), float("inf"), 10**400, True, None]
)
def test_no_times(value: Any) -> None:
    with pytest.raises(ValueError, match="takes a time"):
        seconds(value)


# -- what is wrong


def test_all_errors_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = f"""\
[daemon]
max_lood = 3
port = 80800
allow_schemes = ["rtsp", "file"]

[[streams]]
name = "Yard"
input = "{CLIP}"
outputs = ["{OUT}",
    {{url = "/etc/x.mp4", fromat = "mp4"}},
    7]
max_latency = "fast"

[[streams]]
input = "file:///etc/passwd"
outputs = ["rtsp://h/x"]
filters = "atadenoize"
on_lost = "holt"
ladder = ["null",
    "scale=nonsense=1"]
"""
    found = complaints(tmp_path, text)
    want = [
        r"2: daemon.max_lood = 3: there is no such key; did you mean 'max_load'?",
        r"3: daemon.port = 80800: it takes a port",
        r'4: daemon.allow_schemes[1] = "file": it takes rtsp, ',
        r'7: streams[0].name = "Yard": a name has 1 to 63',
        r"""10: streams[0].outputs[1].fromat = "mp4": there is no such key; did you mean 'format'?""",
        r"10: streams[0].outputs[1].url = '/etc/x.mp4': files are allowed nowhere: allow_folders is empty",
        r"11: streams[0].outputs[2] = 7: it takes a URL, or a table",
        r'12: streams[0].max_latency = "fast": it takes a time',
        r"14: streams[1]: the stream has no name; give name = ",
        r"15: streams[1].input = 'file:///etc/passwd': the scheme 'file' is not allowed; allowed are ",
        r"17: streams[1].filters = 'atadenoize': no filter 'atadenoize'",
        r'18: streams[1].on_lost = "holt": it takes wait, hold, slate or end; did you mean ',
        r"20: streams[1].ladder[1] = 'scale=nonsense=1': libavfilter does not take",
    ]
    assert len(found) == len(want)
    for line, start in zip(found, want, strict=True):
        assert line.startswith(f"streams.toml:{start}"), line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[streams]]\nname = "a\n', r"streams\.toml:2:10: Illegal character"),
        ("a = ", r"streams\.toml: Invalid value.*end of document"),
        ("a = " + "[" * 5000, r"streams\.toml: it is nested too deeply"),
        ("stream = 1", r"streams\.toml:1: stream = 1: there is no such key; did you mean 'streams'\?"),
        ("streams = 1", r"streams\.toml:1: streams = 1: it takes a list"),
        ("\nstreams = [1]", r"streams\.toml:2: streams\[0\] = 1: it takes a table"),
        ("daemon = []", r"streams\.toml:1: daemon = \[\]: it takes a table"),
        ('[defaults]\nname = "a"', r"streams\.toml:2: defaults\.name = \"a\": there is no such key"),
        ('[daemon]\nhost = "0.0.0.0"', r":2: daemon\.host = .*could control the daemon; set token"),
        ('[daemon]\ntoken = "${HOME}"', r":2: daemon\.token = .*there is no such reference"),
        (
            '[daemon]\nallow_folders = ["rec"]',
            r":2: daemon\.allow_folders\[0\] = \"rec\": it takes a folder's absolute",
        ),
        ('[daemon]\nallow_private = ["10.0.0.1/8"]', r":2: daemon\.allow_private\[0\] = .*has host bits set"),
        ('[daemon]\nallow_private = "all"', r":2: daemon\.allow_private = \"all\": it takes true, false, or a list"),
        ('[daemon]\nallow_secrets = ["CAM"]', r":2: daemon\.allow_secrets\[0\] = "),
        (stream("outputs = []").replace(f'outputs = ["{OUT}"]\n', ""), r"outputs = \[\]: it takes a list of one entry"),
        (stream() + stream(), r':7: streams\[1\]\.name = "yard": streams\[0\] has that name already'),
        (stream('input_options = {t = "${env}"}'), r":5: streams\[0\]\.input_options\.t = .*no variable's name"),
        (stream('filters = "model=\'x"'), r":5: streams\[0\]\.filters = .*is opened and not closed"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, text)


def test_what_the_defaults_have_wrong_is_told_of_them_and_once(tmp_path: Path) -> None:
    text = '[defaults]\nfilters = "nothing"\nladder = ["atadenoise", "never"]\n' + stream()
    second = stream().replace('"yard"', '"gate"').replace("8554/yard", "8554/gate")
    found = complaints(tmp_path, text + second)
    assert [line.partition(" = ")[0] for line in found] == [
        "streams.toml:2: defaults.filters",
        "streams.toml:3: defaults.ladder[1]",
    ]


def test_two_streams_do_not_write_to_one_place(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, stream() + stream().replace('"yard"', '"gate"'))
    text = "stream 'yard' writes there already; write to another place"
    assert line == f'streams.toml:9: streams[1].outputs[0] = "{OUT}": {text}'


def test_a_filter_of_ours_is_known_by_its_options(tmp_path: Path) -> None:
    (line,) = complaints(tmp_path, stream('filters = "smooth=strenght=1"'))
    assert "smooth has no option 'strenght' (did you mean 'strength'?)" in line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; give the daemon's configuration"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(UsageError, match="it is not UTF-8 text"):
        load(tmp_path / "latin.toml")


def test_no_message_tells_a_secret(tmp_path: Path) -> None:
    text = (
        '[daemon]\ntoken = ["hunter2"]\n[[streams]]\nname = "a"\ninput = "gopher://u:hunter2@h/x"\n'
        'input_options = [{passphrase = "hunter2"}]\n'
        'outputs = ["srt://h?passphrase=hunter2", {url = "ftp://u:hunter2@h", options = {passphrase = "a\\nhunter2"}}]'
    )
    found = complaints(tmp_path, text)
    assert len(found) == 6 and "hunter2" not in "\n".join(found)
    assert shown({"a": [{"token": {"b": "hunter2"}}]}) == '{"a": [{"token": "***"}]}'


def test_places() -> None:
    assert place_text(("streams", 2, "outputs", 0, "url")) == "streams[2].outputs[0].url"
    assert place_text(()) == ""


# -- over HTTP

PUBLIC = Allowed(look_up=lambda host: [ip_address("93.184.216.34")])


class _Config(DaemonConfig):
    """A daemon in whose network every name is a public address."""

    @property
    def allowed(self) -> Allowed:
        return dataclasses.replace(super().allowed, look_up=lambda host: [ip_address("93.184.216.34")])


HTTP = _Config(
    allow_folders=(Path("/srv"),),
    allow_secrets=("env:SHARED",),
    defaults={"video_options": {"x264-params": "keyint=50"}, "filters": "atadenoise"},
)
BODY: dict[str, Any] = {"name": "yard", "input": "rtsp://cam/x", "outputs": ["rtsp://server/y"]}
OWN = StreamConfig(
    "yard",
    "rtsp://${env:U}:${env:P}@10.0.0.5/x",
    (OutputConfig("rtsp://10.0.0.6/y"), OutputConfig("/srv/y.mp4", options={"movflags": "faststart", "use_tls": "1"})),
    filters="atadenoise",
    input_options={"protocol_whitelist": "file,rtsp"},
)


def test_what_is_given_is_foreign_and_the_defaults_are_not() -> None:
    made = stream_from(BODY, HTTP)
    assert made.foreign == {"name", "input", "outputs"}
    assert [o.foreign for o in made.outputs] == [True]
    made = stream_from({**BODY, "video_options": {"crf": 20}}, HTTP)
    assert made.foreign == {"name", "input", "outputs", "video_options.crf"}
    assert made.video_options == {"x264-params": "keyint=50", "crf": "20"}, "the operator's own are not judged"
    made = stream_from(BODY, HTTP)
    assert made.filters == "atadenoise" and made.video_options == {"x264-params": "keyint=50"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("input", "rtsp://${env:P}@cam/x"),
        ("input", "/etc/passwd"),
        ("input_format", "concat"),
        ("input_options", {"protocol_whitelist": "file"}),
        ("outputs", ["/etc/cron.d/x"]),
        ("outputs", [{"url": "/srv/x", "format": "tee"}]),
        ("outputs", [{"url": "/srv/x.mp4", "options": {"segment_list": "/etc/x"}}]),
        ("outputs", [{"url": "/srv/x.mp4", "video_options": {"x264-params": "stats=/etc/x"}}]),
        ("video_options", {"passlogfile": "/etc/x"}),
        ("filters", "movie=/etc/passwd"),
        ("filters", "model=/etc/passwd"),
        ("filters", "model=net.pth"),
        ("ladder", ["drawtext=textfile=/etc/passwd"]),
    ],
)
def test_what_is_the_operators_to_say(field: str, value: Any) -> None:
    """Conflict over HTTP, also in place of what the operator has set."""
    for body, known in ((BODY, None), (OWN.as_mapping(), OWN)):
        with pytest.raises(ConfigError) as caught:
            stream_from({**body, field: value}, HTTP, known)
        assert {p.place[0] for p in caught.value.problems} == {field}


def test_a_private_address_is_only_for_the_operator() -> None:
    near = dataclasses.replace(DaemonConfig(), allow_schemes=("rtsp",))
    with pytest.raises(ConfigError, match=r"10\.0\.0\.5 is a private address"):
        stream_from({**BODY, "input": CLIP, "outputs": ["rtsp://93.184.216.34/x"]}, near)


def test_what_the_operator_has_set_keeps_its_rights_when_something_else_changes() -> None:
    made = stream_from({**OWN.as_mapping(), "filters": "null"}, HTTP, OWN)
    assert made.foreign == {"filters"} and not any(o.foreign for o in made.outputs)
    more = stream_from({**made.as_mapping(), "outputs": [*made.as_mapping()["outputs"], "rtsp://s/z"]}, HTTP, made)
    assert [o.foreign for o in more.outputs] == [False, False, True]
    assert more.foreign == {"filters", "outputs"}, "what was foreign stays so"
    back = stream_from({**more.as_mapping(), "filters": "atadenoise"}, HTTP, more)
    assert "filters" in back.foreign


def test_no_other_address_is_told_the_operators_secrets() -> None:
    known = dataclasses.replace(
        OWN, input_options={"passphrase": "hunter22hunter22", "latency": "${env:P}", "timeout": "1"}
    )
    with pytest.raises(ConfigError) as caught:
        stream_from({**known.as_mapping(), "input": "srt://evil:9"}, HTTP, known)
    assert [p.place for p in caught.value.problems] == [("input_options", "passphrase"), ("input_options", "latency")]
    assert "hunter22" not in str(caught.value)
    free = {**known.as_mapping(), "input": "srt://other:9", "input_options": {}}
    assert stream_from(free, HTTP, known).input == "srt://other:9"


def test_secrets_that_may_be_referred_to() -> None:
    made = stream_from({**BODY, "input": "rtsp://${env:SHARED}@cam/x"}, HTTP)
    assert job_spec(made, Secrets({"SHARED": "a@b"}), HTTP.allowed).inputs[0].url == "rtsp://a%40b@cam/x"


# -- the job


def test_the_job_of_a_stream() -> None:
    made = dataclasses.replace(
        OWN,
        input_options={"user_agent": "${env:P}"},
        outputs=(*OWN.outputs, OutputConfig("rtmp://h/${env:P}", video_codec="libx265", audio_codec="aac")),
        video_options={"crf": "20"},
        max_latency_s=0.1,
        ladder=("null",),
    )
    spec = job_spec(made, Secrets({"U": "user", "P": "p/w"}), HTTP.allowed, "cpu")
    assert spec.inputs[0].url == "rtsp://user:p%2Fw@10.0.0.5/x"
    assert spec.inputs[0].options["user_agent"] == "p/w" and "file" not in spec.inputs[0].options["protocol_whitelist"]
    assert [o.url for o in spec.outputs] == ["rtsp://10.0.0.6/y", "/srv/y.mp4", "rtmp://h/p%2Fw"]
    assert [o.format for o in spec.outputs] == ["rtsp", None, "flv"]
    assert [o.video_codec for o in spec.outputs] == [None, None, "libx265"]
    assert [o.audio_codec for o in spec.outputs] == ["copy", "copy", "aac"]
    assert spec.outputs[1].format_options == {"movflags": "faststart", "use_tls": "1"}
    assert spec.outputs[2].video_options == {"crf": "20"}
    assert [f.name for f in spec.filters] == ["atadenoise"] and spec.device == "cpu"
    assert spec.live is not None and spec.live.max_latency_s == 0.1 and spec.live.ladder == ("null",)
    assert spec.inputs[0].start_s is None or spec.inputs[0].start_s == Fraction(0)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("rtsp_transprt", "tcp", "input_options.rtsp_transprt = 'tcp': Unrecognized option .* did you mean 'rtsp_tr"),
        ("rtsp_transport", "tpc", "input_options.rtsp_transport = 'tpc': it takes one or more of udp, tcp"),
        ("passwort", "${env:P}", "input_options.passwort = .*: Unrecognized option 'passwort'"),
    ],
)
def test_an_option_that_libav_would_ignore_is_refused_when_the_stream_starts(name: str, value: str, says: str) -> None:
    """As on the command line; the other streams of the file start."""
    made = dataclasses.replace(OWN, input_options={name: value})
    with pytest.raises(BadOption, match=says) as caught:
        job_spec(made, Secrets({"U": "user", "P": "hush-hush"}), HTTP.allowed)
    assert "hush" not in str(caught.value)


def test_only_the_operator_sets_guards_aside() -> None:
    secrets = Secrets({"U": "u", "P": "p"})
    assert job_spec(OWN, secrets, HTTP.allowed).inputs[0].options["protocol_whitelist"] == "file,rtsp"
    moved = dataclasses.replace(OWN, input="rtsp://cam/x", foreign=frozenset({"input"}))
    assert "file" not in job_spec(moved, secrets, HTTP.allowed).inputs[0].options["protocol_whitelist"]


def test_a_camera_of_this_machine_is_opened_as_one() -> None:
    made = stream_from({**BODY, "input": "/dev/video63"}, HTTP)
    assert job_spec(made, Secrets({}), HTTP.allowed).inputs[0].format == "v4l2"


@pytest.mark.parametrize("url", ["/etc/passwd", "file:///etc/passwd", "concat:/etc/passwd|/etc/group"])
def test_a_secret_is_looked_at_when_it_is_known(url: str) -> None:
    """What the file could not show, the start of the stream refuses."""
    made = dataclasses.replace(OWN, input="${env:URL}")
    with pytest.raises(ConfigError, match="allowed") as caught:
        job_spec(made, Secrets({"URL": url}), HTTP.allowed)
    assert caught.value.problems[0].value == "'${env:URL}'"


def test_a_name_is_looked_up_again_when_the_stream_starts() -> None:
    made = stream_from(BODY, HTTP)
    moved = dataclasses.replace(HTTP.allowed, look_up=lambda host: [ip_address("127.0.0.1")])
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1 is a private address"):
        job_spec(made, Secrets({}), moved)


def test_secrets_are_not_in_what_is_shown() -> None:
    made = dataclasses.replace(OWN, input="rtsp://u:hunter2@cam/x", input_options={"passphrase": "hunter2"})
    assert "hunter2" not in json.dumps(made.as_mapping(redacted=True))
    assert "hunter2" in json.dumps(made.as_mapping())
    assert set(OWN.texts()) >= {OWN.input, "rtsp://10.0.0.6/y", "faststart"}
