"""An RTSP server that feeds a clip to each client from its beginning. For /usr/bin/python3 with Debian's GStreamer.

python3 rtsp_server.py CLIP.mp4 [ADDRESS [PORT [USER:PASSWORD]]]
CLIP.mp4 has H.264 and may have AAC. Prints the port once it listens.
"""

from __future__ import annotations

import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions come first

VIDEO = "d.video_0 ! queue ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96"
AUDIO = "d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"


def main(clip: str, address: str = "127.0.0.1", port: str = "0", account: str = "") -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(address)
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    audio = AUDIO if _has_audio(clip) else ""
    factory.set_launch(f'( filesrc location="{clip}" ! qtdemux name=d {VIDEO} {audio} )')
    if account:
        _protect(server, factory, *account.split(":"))
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen at {address}:{port}")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    # Sessions of clients that went away without a word are dropped.
    GLib.timeout_add_seconds(1, lambda: bool(server.get_session_pool().cleanup()) or True)
    GLib.MainLoop().run()


def _has_audio(clip: str) -> bool:
    with open(clip, "rb") as file:
        return b"mp4a" in file.read()


def _protect(server: Any, factory: Any, user: str, password: str) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", user)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    factory.add_role_from_structure(
        Gst.Structure.from_string(f"{user},media.factory.access=true,media.factory.construct=true")[0]
    )
    server.set_auth(auth)


if __name__ == "__main__":
    main(*sys.argv[1:])
