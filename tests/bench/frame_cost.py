"""Counts what one frame costs on a GPU: bytes read and written, and operations, of front and network.

    python -m tests.bench.frame_cost [--size 1920x1080] [--lookahead 2] [--json FILE]

Counted, not measured: every operation of PyTorch is taken to read its inputs from memory and to write its results there
once, as it does without a cache that holds them. From these follows the time of a frame for a card of given memory
bandwidth and half-precision throughput: an ESTIMATE, of which launches, copies and decoding are no part.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from streamfix.fusion import batched
from streamfix.models import corrected, seen, sigma_left, tensor_front
from streamfix_denoise.filter import WEIGHTS

# GB/s and TFLOP/s in half precision, as makers state them; two thirds and a third of which are taken to be reached
CARDS = {
    "300 GB/s, 60 TFLOP/s": (300, 60),
    "1000 GB/s, 300 TFLOP/s": (1000, 300),
    "4800 GB/s, 990 TFLOP/s": (4800, 990),
}
_REACHED, _COMPUTED = 2 / 3, 1 / 3


class Traffic(TorchDispatchMode):
    """Counts operations of PyTorch that touch memory, and the bytes that they touch."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.calls = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.calls += 1
            self.bytes += sum(t.numel() * t.element_size() for part in (args, kwargs, result) for t in _tensors(part))
        return result


def _tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, list | tuple):
        for part in found:
            yield from _tensors(part)
    elif isinstance(found, dict):
        yield from _tensors(tuple(found.values()))


def costs(width: int, height: int, lookahead: int, tier: str) -> dict[str, dict[str, float]]:
    """By part: megabytes, millions of operations of convolutions, calls. For one frame of one stream."""
    h, w = -(-height // 8) * 4, -(-width // 8) * 4
    parts: dict[str, dict[str, float]] = {}

    def count(name: str, call: Any) -> Any:
        with FlopCounterMode(display=False) as flops, Traffic() as traffic:
            result = call()
        parts[name] = {
            "megabytes": round(traffic.bytes / 1e6, 1),
            "gflop": round(flops.get_total_flops() / 1e9, 2),
            "calls": traffic.calls,
        }
        return result

    with torch.no_grad():
        history = batched.History.empty(2 * h, 2 * w, torch.device("meta"))
        noise = torch.empty(1, 2, device="meta")
        for fine, ahead, name in ((False, 0, "front of smooth"), (True, 0, "front"), (True, lookahead, "front, ahead")):
            windows = torch.empty(1, 1 + ahead, 6, h, w, device="meta")
            run = tensor_front.recorded(fine)
            fused, variance, *_ = count(name, lambda x=windows, run=run: run(x, noise, *history.tensors))
        frame, left = windows[:, 0], sigma_left(variance, noise)
        given = count("into the network", lambda: seen(fused, frame, left, noise))
        network, _ = WEIGHTS.load(tier)
        half = network.half().to("meta").eval()
        answer = count(f"network {tier}, fp16", lambda: half(given.half()))
        count("out of it", lambda: corrected(fused, left, answer.float()))
    return parts


def fps(parts: Sequence[dict[str, float]], gb_per_s: float, tflops: float) -> float:
    """The estimate: memory and arithmetic of one part do not overlap with the next part's, but with each other."""
    seconds = [
        max(part["megabytes"] / 1e3 / (_REACHED * gb_per_s), part["gflop"] / 1e3 / (_COMPUTED * tflops))
        for part in parts
    ]
    return 1 / sum(seconds)


def estimates(parts: dict[str, dict[str, float]], tier: str) -> dict[str, dict[str, float]]:
    """Frames a second by card and filter."""
    rest = [parts["into the network"], parts[f"network {tier}, fp16"], parts["out of it"]]
    filters = {
        "fusion of smooth": [parts["front of smooth"]],
        "denoise live": [parts["front"], *rest],
        "denoise": [parts["front, ahead"], *rest],
    }
    return {
        card: {name: round(fps(chosen, *speeds), 1) for name, chosen in filters.items()}
        for card, speeds in CARDS.items()
    }


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--lookahead", type=int, default=8)
    parser.add_argument("--tier", default="s")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(words)
    width, height = (int(side) for side in given.size.split("x"))
    parts = costs(width, height, given.lookahead, given.tier)
    found = {"size": given.size, "parts": parts, "estimated fps (not measured)": estimates(parts, given.tier)}
    print(json.dumps(found, indent=1))
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
