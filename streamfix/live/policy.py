"""What is asked of a live stream."""

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

    max_latency_s: from a picture's arrival to its delivery to the output; what is older is counted as late, and
    filters step down to lighter ones to keep it.
    on_lost: what the output gets while there is no camera: nothing ("wait"), the last picture ("hold"), a slate, or
    its end.
    on_damaged: pictures that the decoder could not put together: shown as they are ("pass"), or the last good one
    in their place ("hold"). They never enter temporal state.
    lost_after_s: so long without a picture is a lost camera. open_timeout_s: the same while connecting.
    backoff_s: waits after attempts that were answered without a picture; the last one repeats. A camera that is off is
    asked again after the first one.
    max_jump_s: timestamps that leap further, or backwards, are a clock that was set, not time that passed.
    ladder: filter chains, heavier first, that are stepped down to; None makes them from what the filters offer, an
    empty one has no steps but passing pictures through.
    unattended: nobody looks whether outputs work: each that fails is opened again by and by, a file under another name.
    """

    max_latency_s: float = 0.2
    on_lost: OnLost = "wait"
    on_damaged: OnDamaged = "pass"
    lost_after_s: float = 20.0
    open_timeout_s: float = 20.0
    backoff_s: tuple[float, ...] = (1.0, 5.0, 10.0, 60.0)
    max_jump_s: float = 10.0
    ladder: tuple[str, ...] | None = None
    unattended: bool = False

    def __post_init__(self) -> None:
        for name in ("max_latency_s", "lost_after_s", "open_timeout_s", "max_jump_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{name}={getattr(self, name)}: it is a time in seconds, more than 0")
        if not self.backoff_s or min(self.backoff_s) < 0:
            raise UsageError(f"backoff_s={self.backoff_s}: give one wait or more, in seconds, none below 0")


def is_live(url: str, format: str | None = None) -> bool:
    """True for an input that is live without being told: by its protocol or device.

    HTTP, HLS and pipes carry recordings as well, of which no picture may be dropped: -live says what they are.
    """
    return any(protocol.live for protocol in input_protocols(url, format))
