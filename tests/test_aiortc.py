"""A chain in the tracks of aiortc: frames between two peers in one process, restored on both sides."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

import streamfix
from streamfix.conformance.fakes import clip
from tests.fakes.waiting import LONG_S

pytestmark = pytest.mark.slow


def test_frames_between_two_peers_are_restored() -> None:
    aiortc = pytest.importorskip("aiortc", reason="pip install aiortc")
    page = Path(streamfix.__file__).parent / "docs" / "hosts.md"
    names: dict[str, Any] = {}
    (block,) = re.findall(r"^```python\n(.*?MediaStreamTrack.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(block[block.rindex("import asyncio") :].replace('"denoise"', '"smooth"'), "hosts.md", "exec"), names)
    pictures = clip(12, 64, 48)

    class Camera(aiortc.VideoStreamTrack):  # type: ignore[misc, name-defined]
        async def recv(self) -> Any:
            pts, time_base = await self.next_timestamp()
            frame = pictures[pts // 3000 % len(pictures)].av()
            frame.pts, frame.time_base = pts, time_base
            return frame

    async def run() -> list[Any]:
        one, other = aiortc.RTCPeerConnection(), aiortc.RTCPeerConnection()
        arrived = asyncio.get_running_loop().create_future()
        other.on("track", arrived.set_result)
        one.addTrack(names["Restored"](Camera()))
        await one.setLocalDescription(await one.createOffer())
        await other.setRemoteDescription(one.localDescription)
        await other.setLocalDescription(await other.createAnswer())
        await one.setRemoteDescription(other.localDescription)
        restored = names["Restored"](await arrived)
        got = [await restored.recv() for _ in range(10)]
        counts = restored.stream.report().counts
        assert (counts.received, counts.written) == (10, 10)
        await one.close()
        await other.close()
        return got

    got = asyncio.run(asyncio.wait_for(run(), LONG_S))
    assert {(f.width, f.height, f.format.name) for f in got} == {(64, 48, "yuv420p")}
    times = [f.pts * f.time_base for f in got]
    assert times == sorted(set(times))
