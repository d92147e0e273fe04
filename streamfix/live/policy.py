"""What a user asks of a live stream, and which inputs are live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError
from ..media.transport.protocols import input_protocols

OnLost = Literal["wait", "hold", "slate", "end"]
OnDamaged = Literal["pass", "hold"]


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """How a live stream is run.

    max_latency_s: from a picture's arrival to its delivery to the output. Later pictures count as late, and the stream
    steps down to lighter filters to stay within it.
    on_lost: what the output gets while there is no camera: nothing ("wait"), the last picture ("hold"), a slate
    ("slate"), or its end ("end").
    on_damaged: what happens to pictures that the decoder could not put together: they are shown as they are ("pass"),
    or the last good one is shown instead ("hold"). They never enter temporal state.
    lost_after_s: a camera that sends no picture for this long is lost. open_timeout_s: the same while connecting.
    backoff_s: waits after attempts that the camera answered without a picture; the last one repeats. A camera that is
    off is asked again after the first wait each time.
    login_backoff_s: the same after a wrong password, or where the access is denied: cameras lock accounts.
    max_jump_s: a timestamp that jumps further ahead than this, or backwards, means that the camera's clock was set.
    ladder: the lighter filter chains to step down to, heaviest first. None takes what the filters offer; with an empty
    one the only lower step passes pictures through.
    unattended: no operator watches the outputs: each one that fails is opened again, a file under another name.
    """

    max_latency_s: float = 0.2
    on_lost: OnLost = "wait"
    on_damaged: OnDamaged = "pass"
    lost_after_s: float = 20.0
    open_timeout_s: float = 20.0
    backoff_s: tuple[float, ...] = (1.0, 5.0, 10.0, 60.0)
    login_backoff_s: tuple[float, ...] = (120.0, 300.0, 900.0, 1800.0, 3600.0)
    max_jump_s: float = 10.0
    ladder: tuple[str, ...] | None = None
    unattended: bool = False

    def __post_init__(self) -> None:
        for name in ("max_latency_s", "lost_after_s", "open_timeout_s", "max_jump_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name}={getattr(self, name)}: must be a time in seconds, above 0")
        for name in ("backoff_s", "login_backoff_s"):
            waits_s = getattr(self, name)
            if not waits_s or min(waits_s) < 0:
                raise UsageError(f"{name}={waits_s}: give one wait or more, in seconds, none below 0")


def is_live(url: str, format: str | None = None) -> bool:
    """True for an input that is live by its protocol or device.

    HTTP, HLS and pipes also carry recordings, of which no picture may be dropped; for them -live says so.
    """
    return any(protocol.live for protocol in input_protocols(url, format))
