"""A viewer in a process of its own: notes when each frame has come.

    python -m tests.bench.live.viewer URL LOG

LOG gets a line for each frame: the number drawn into it, -1 where none can be read, and CLOCK_MONOTONIC in seconds.
"""

from __future__ import annotations

import sys
import time

import av
import numpy as np

from . import marks


def main() -> None:
    url, log = sys.argv[1:]
    options = {"fflags": "nobuffer", "probesize": "100000", "analyzeduration": "200000", "tcp_nodelay": "1"}
    with open(log, "w", encoding="utf-8") as lines, av.open(url, format="mpegts", options=options) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            now_s = time.monotonic()
            plane = frame.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
                : frame.height, : frame.width
            ]
            number = marks.read(luma)
            lines.write(f"{-1 if number is None else number} {now_s:.6f}\n")
            lines.flush()


if __name__ == "__main__":
    main()
