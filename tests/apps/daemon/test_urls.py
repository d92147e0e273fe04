"""What streams may read and write: no scheme, path, address or option gets around the limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.access import allowlist
from streamfix.apps.daemon.access.addresses import Address, is_public, is_within, resolve
from streamfix.apps.daemon.access.location import split, usual_demuxer, usual_format
from streamfix.apps.daemon.access.urls import NETWORK_SCHEMES, SCHEMES, Allowed
from streamfix.chainspec import FilterSpec
from streamfix.errors import UsageError


def look_up(*addresses: str) -> Callable[[str], Sequence[Address]]:
    return lambda host: [ip_address(a) for a in addresses]


ANY = frozenset({*NETWORK_SCHEMES, "v4l2"})
PUBLIC = look_up("93.184.216.34")


# -- schemes


@settings(deadline=None)
@given(st.text(max_size=30), st.booleans())
def test_what_is_let_through_is_a_path_below_a_folder_or_a_url_that_is_allowed(text: str, api: bool) -> None:
    allowed = Allowed(frozenset({"rtsp"}), (Path("/srv/rec"),), look_up=PUBLIC)
    for url in (text, f"rtsp://{text}", f"/srv/rec/{text}", f"/srv/rec/../{text}"):
        for check in (allowed.check_input, allowed.check_output):
            try:
                check(url, from_api=api)
            except UsageError:
                continue
            # The scheme's spelling is libav's business; that no other part names another protocol is ours.
            real = os.path.realpath(url)
            assert url.startswith("rtsp://") or (url.startswith("/") and real.startswith("/srv/rec/"))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:/srv/rec/x",
            "file:///srv/rec/x",
            "FILE:/etc/passwd",
            "concat:/a|/b",
            "subfile,,start,0,end,9,,:/etc/passwd",
        ),
        *("crypto:/etc/passwd", "crypto+file:/etc/passwd", "data:text/plain;base64,AAAA", "pipe:0", "fd:3", "-"),
        *("async:/etc/passwd", "cache:http://h/x", "hls+http://h/x", "http,listen,1,:x", "tee:/a", "unix:/run/x"),
        *(
            "gopher://h/",
            "ftp://h/x",
            "sftp://h/x",
            "smb://h/x",
            "ipfs://x",
            "concatf:/x",
            "md5:/srv/rec/x",
            "tls://h:1",
        ),
        *("", "clip.mp4", "./clip.mp4", "../clip.mp4", "~/clip.mp4", "C:\\x", " /srv/rec/x", "rtsp:/h/x", "rtsp:h"),
        *("rtsp://h/\r\nDESCRIBE x", "rtsp://h/ x", "rtsp://h\\@evil/x", "rtsp://a b/x", "rtsp:///x", "rtsp://u:p@/x"),
        *(
            "rtsp://h:0/x",
            "rtsp://h:99999/x",
            "rtsp://h:８０/x",
            "rtsp://h:80:90/x",
            "rtsp://[::1/x",
            "rtsp://[127.0.0.1]/x",
        ),
        *(
            "rtsp://[fe80::1%25eth0]/x",
            "rtsp://bücher/x",
            "rtsp://%31%32%37.0.0.1/x",
            "rtsp://-h/x",
            "udp://h",
            "srt://h",
        ),
    ],
)
def test_nobody_gets_around_the_schemes(url: str) -> None:
    allowed = Allowed(ANY, (Path("/srv/rec"),), True)
    for check in (allowed.check_input, allowed.check_output):
        with pytest.raises(UsageError):
            check(url)


def test_only_what_is_allowed_of_what_could_be() -> None:
    urls = [f"{scheme}://host:9000/x" for scheme in NETWORK_SCHEMES]
    for url in urls:
        Allowed(ANY).check_input(url)
        with pytest.raises(UsageError, match=r"is not allowed; allowed are v4l2$"):
            Allowed(frozenset({"v4l2"})).check_input(url)
    with pytest.raises(UsageError, match=r"'ftp' is not allowed; .*files are written as an absolute path below /srv"):
        Allowed(ANY | {"ftp"}, (Path("/srv"),)).check_input("ftp://h/x")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("rtsp://cam/x", "cam", None, "/x"),
        ("RTSP://u:p@cam:8554/x?y", "cam", 8554, "/x?y"),
        ("rtsp://u:p@w@cam/x@y", "cam", None, "/x@y"),
        ("http://cam?u@evil", "cam", None, "?u@evil"),
        ("http://cam#@evil/", "cam", None, "#@evil/"),
        ("udp://@239.0.0.1:1234", "239.0.0.1", 1234, ""),
        ("udp://:1234", "", 1234, ""),
        ("rtmp://[2001:db8::1]:1935/a", "2001:db8::1", 1935, "/a"),
        ("srt://u:[::1]@10.0.0.1:9?mode=caller", "10.0.0.1", 9, "?mode=caller"),
    ],
)
def test_urls_are_split_as_libavformat_does(url: str, host: str, port: int | None, path: str) -> None:
    found = split(url)
    assert (found.host, found.port, found.path) == (host, port, path)


def test_usual_formats() -> None:
    urls = ["rtsp://h/x", "rtmps://h/x", "udp://h:1", "srt://h:1", "http://h/x", "/x.mp4"]
    assert [usual_format(url) for url in urls] == ["rtsp", "flv", "mpegts", "mpegts", None, None]
    assert usual_demuxer("/dev/video0") == "v4l2" and usual_demuxer("rtsp://h/x") is None


# -- files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """inside/, with links that lead out of it and back, and outside/."""
    for name in ("inside/deep", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "outside" / "secret.mp4").touch()
    inside = tmp_path / "inside"
    (inside / "out").symlink_to("../outside")
    (inside / "file.mp4").symlink_to(tmp_path / "outside" / "secret.mp4")
    (inside / "round").symlink_to(inside / "deep")
    (tmp_path / "door").symlink_to(inside)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["new.mp4", "deep/new.mp4", "round/new.mp4", "rec_%Y%m%d-%H%M%S_%03d%%.mp4", ".hidden"]
)
def test_files_below_a_folder(tree: Path, name: str) -> None:
    allowed = Allowed(ANY, (tree / "inside",))
    for api in (False, True):
        allowed.check_input(f"{tree}/inside/{name}", from_api=api)
        allowed.check_output(f"{tree}/inside/{name}", from_api=api)
    Allowed(ANY, (tree / "door",)).check_output(f"{tree}/inside/{name}")
    allowed.check_output(f"{tree}/door/{name}")


@pytest.mark.parametrize(
    "name",
    [
        *("outside/x.mp4", "inside", "inside/", "inside/../outside/x.mp4", "inside/deep/../x.mp4", "inside2/x.mp4"),
        *("inside/out/x.mp4", "inside/file.mp4", "inside/round/../../outside/x", "door/out/x.mp4"),
    ],
)
def test_no_path_leads_out(tree: Path, name: str) -> None:
    allowed = Allowed(ANY, (tree / "inside",), True)
    for check in (allowed.check_input, allowed.check_output, allowed.check_file):
        with pytest.raises(UsageError, match="files are allowed below /"):
            check(f"{tree}/{name}")


def test_without_folders_there_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: allow_folders is empty"):
        Allowed(ANY).check_input(f"{tmp_path}/x.mp4")


@pytest.mark.parametrize("name", ["%D/x.mp4", "x%D.mp4", "x%n.mp4", "100%.mp4", "%-d.mp4", "%s%"])
def test_a_pattern_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a pattern may hold %Y %m %d"):
        Allowed(ANY, (tmp_path,)).check_output(f"{tmp_path}/{name}")


def test_a_camera_is_an_input_that_is_allowed_by_its_own_word() -> None:
    allowed = Allowed(frozenset({"v4l2"}), (Path("/srv"),))
    allowed.check_input("/dev/video63", from_api=True)
    allowed.check_demuxer("v4l2", "/dev/video63")
    for url in ("/dev/video/../mem", "/dev/mem", "/dev/v4l/by-id/.."):
        with pytest.raises(UsageError):
            allowed.check_input(url)
    with pytest.raises(UsageError, match="a camera's device file"):
        allowed.check_demuxer("v4l2", "/srv/x")
    with pytest.raises(UsageError, match="'v4l2' is not allowed"):
        Allowed(frozenset({"rtsp"})).check_input("/dev/video63")
    with pytest.raises(UsageError, match="no output"):
        allowed.check_output("/dev/video63")


# -- addresses


@pytest.mark.parametrize(
    "text",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
        ),
        *(
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fec0::1",
        ),
        *("ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1"),
        *("2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe"),
    ],
)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_addresses_that_are(text: str) -> None:
    assert is_public(ip_address(text))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_mapped_address_is_judged_as_the_one_inside(number: int) -> None:
    inner = IPv4Address(number)
    for outer in (IPv6Address((0xFFFF << 32) + number), IPv6Address((0x64FF9B << 96) + number)):
        assert is_public(outer) == is_public(inner)
    mapped = IPv6Address(f"::ffff:{inner}")
    assert is_within(mapped, [ip_network(f"{inner}/32")]) and not is_within(mapped, [ip_network("::/128")])


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1", "017700000001", "0", "::1"]
)
def test_every_form_of_an_address_is_seen_through(host: str) -> None:
    url = f"http://[{host}]/x" if ":" in host else f"http://{host}/x"
    with pytest.raises(UsageError, match=r"(127\.0\.0\.1|0\.0\.0\.0|::1) is a private address"):
        Allowed(ANY).check_input(url, from_api=True)
    Allowed(ANY).check_input(url)  # the operator's own file
    Allowed(ANY, private=True).check_input(url, from_api=True)


def test_all_addresses_of_a_name_must_be_allowed() -> None:
    url, networks = "rtsp://cam/x", (ip_network("10.0.0.0/8"),)
    Allowed(ANY, look_up=PUBLIC).check_input(url, from_api=True)
    both = look_up("93.184.216.34", "10.0.0.7")
    with pytest.raises(UsageError, match=r"10\.0\.0\.7 is a private address"):
        Allowed(ANY, look_up=both).check_output(url, from_api=True)
    Allowed(ANY, private=networks, look_up=both).check_output(url, from_api=True)
    with pytest.raises(UsageError, match=r"192\.168\.0\.1 is a private.*; allowed are 10\.0\.0\.0/8"):
        Allowed(ANY, private=networks, look_up=look_up("10.0.0.7", "192.168.0.1")).check_input(url, from_api=True)


def test_a_socket_that_takes_from_anywhere_is_not_for_everybody() -> None:
    for url in ("udp://:1234", "udp://@239.0.0.1:1234", "srt://0.0.0.0:9?mode=listener"):
        with pytest.raises(UsageError, match="private address"):
            Allowed(ANY).check_input(url, from_api=True)


def test_names_that_are_none_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", no_such_name)
    with pytest.raises(UsageError, match="the look-up failed: Name or service not known; give another name"):
        resolve("no.such.host.invalid")
    with pytest.raises(UsageError, match="the look-up failed"):
        Allowed(ANY).check_input("rtsp://no.such.host.invalid/x", from_api=True)


# -- what libav is told, and what may be said over HTTP


def test_guards_keep_local_files_out_of_what_comes_from_the_network() -> None:
    allowed = Allowed(ANY, (Path("/srv"),), look_up=PUBLIC)
    for scheme in NETWORK_SCHEMES:
        names = allowed.check_input(f"{scheme}://h:1/x").get("protocol_whitelist", "").split(",")
        assert not {"file", "pipe", "fd", "concat", "subfile", "data", "cache", "async", "unix"} & set(names)
    assert allowed.check_input("/srv/x.m3u8")["protocol_whitelist"] == "file"


def test_playlists_and_redirections_need_every_address_allowed() -> None:
    url = "http://cam/x"
    strict = Allowed(ANY, private=(ip_network("10.0.0.0/8"),), look_up=PUBLIC)
    free = Allowed(ANY, private=True, look_up=PUBLIC)
    guards = strict.check_input(url, from_api=True)
    assert guards["max_redirects"] == "0" and "hls" not in guards["format_whitelist"].split(",")
    with pytest.raises(UsageError, match="'hls' is not allowed over HTTP"):
        strict.check_demuxer("hls", url, url_from_api=True)
    with pytest.raises(UsageError, match="may redirect it"):
        strict.check_output(url, from_api=True)
    for guards in (free.check_input(url, from_api=True), strict.check_input(url)):
        assert not {"max_redirects", "format_whitelist"} & set(guards)
    free.check_demuxer("hls", url, url_from_api=True)
    strict.check_demuxer("hls", url, from_api=True)  # of the operator's own server
    with pytest.raises(UsageError, match="'hls' is not allowed over HTTP"):
        free.check_demuxer("hls", "/srv/x.m3u8", url_from_api=True)


@pytest.mark.parametrize("name", ["concat", "lavfi", "hls", "dash", "sdp", "image2", "rtsp,concat", "tee", ""])
def test_input_formats_that_read_on_are_not_taken_over_http(name: str) -> None:
    with pytest.raises(UsageError, match="is not allowed"):
        Allowed(private=True).check_demuxer(name, "/srv/x", url_from_api=True)


@pytest.mark.parametrize("name", ["tee", "fifo", "image2", "ffmetadata", "dash", "mp4,tee", "stream_segment"])
def test_output_formats_that_write_elsewhere_are_not_taken_over_http(name: str) -> None:
    with pytest.raises(UsageError, match="is not allowed"):
        Allowed(private=True).check_muxer(name, from_api=True)


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        *(
            (n, "x", allowlist.INPUT_OPTIONS)
            for n in ("protocol_whitelist", "format_whitelist", "http_proxy", "headers")
        ),
        *((n, "x", allowlist.INPUT_OPTIONS) for n in ("key", "cafile", "cert_file", "listen", "rtsp_flags", "io_open")),
        *((n, "x", allowlist.OUTPUT_OPTIONS) for n in ("segment_list", "hls_key_info_file", "hls_segment_filename")),
        *((n, "x", allowlist.OUTPUT_OPTIONS) for n in ("master_pl_name", "var_stream_map", "method", "sdp_file")),
        *(
            (n, "x", allowlist.ENCODER_OPTIONS)
            for n in ("x264-params", "x264opts", "x265-params", "stats", "passlogfile")
        ),
        ("segment_format", "tee", allowlist.OUTPUT_OPTIONS),
        ("user_agent", "a\r\nHost: b", allowlist.INPUT_OPTIONS),
    ],
)
def test_options_that_name_files_and_servers(name: str, value: str, known: frozenset[str]) -> None:
    with pytest.raises(UsageError, match=name):
        allowlist.check_option(name, value, known, "option")


@pytest.mark.parametrize(
    "spec",
    [
        FilterSpec("movie", "/etc/passwd"),
        FilterSpec("drawtext", "textfile=/etc/passwd"),
        FilterSpec("lut3d", "/x.cube"),
        FilterSpec("metadata", "print:file=/srv/x"),
        FilterSpec("scale", "/w=/etc/passwd"),
        FilterSpec("scale", "w=/etc/passwd"),
        FilterSpec("zmq"),
    ],
)
def test_filters_that_read_files(spec: FilterSpec) -> None:
    with pytest.raises(UsageError):
        allowlist.check_filter(spec)


def test_filters_of_packages_tell_the_files_they_are_given() -> None:
    assert allowlist.check_filter(FilterSpec("model", "/srv/net.pth")) == ["/srv/net.pth"]
    assert allowlist.check_filter(FilterSpec("model", "path=net.pth:sigma=5")) == ["net.pth"]
    assert allowlist.check_filter(FilterSpec("denoise", "strength=auto:tier=xs:backend=torch")) == []
    assert allowlist.check_filter(FilterSpec("scale", "iw/2:-2")) == []


def test_the_defaults_are_schemes_that_can_be_allowed() -> None:
    assert set(SCHEMES) <= ANY


def test_no_link_that_a_pattern_finds_leads_outside(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "secret.ts"
    inside.mkdir()
    allowed = Allowed(folders=(inside,))
    (inside / "yard_2025.ts").touch()
    allowed.check_output(f"{inside}/yard_%Y.ts")
    (inside / "yard_2026.ts").symlink_to(outside)
    with pytest.raises(UsageError, match=r"it leads to .*secret\.ts; files are allowed below"):
        allowed.check_output(f"{inside}/yard_%Y.ts")
    allowed.check_output(f"{inside}/gate_%Y.ts")
    (inside / "2026").mkdir()
    allowed.check_output(f"{inside}/%Y/%m/gate_%H.ts")
    (inside / "2026" / "11").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="it leads to"):
        allowed.check_output(f"{inside}/%Y/%m/gate_%H.ts")
