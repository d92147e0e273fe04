"""Four RTSP cameras with the habits of real ones, in a process of their own.

    python -m tests.bench.live.habits LOG [--seed 1]

lossy: loses RTP packets, and each minute or so its connection; it is away for some seconds then.
stalling: sends nothing for some seconds and then all that has gathered; every fifth time it hangs for half a minute.
night: changes size and rate each minute, from 160x96 at 10 pictures a second to 320x192 at 5 and back.
clock: its timestamps jump, and the time of day that it tells is an hour ahead, an hour behind, or 1970.

The first line of its output is a JSON object: the URL of each. LOG is rewritten each second, as JSON: of each camera
how many pictures it `sent`, and how often it did what it is known for (`times`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ...fakes.rtsp_camera import CLOCK, RtspCamera, pictures, send_picture, send_report

FPS = 10
DAY, NIGHT = (160, 96), (320, 192)
LOST_PACKETS = 0.01  # share of the pictures that lose one


class HabitCamera(RtspCamera):
    """Sends for ever, `FPS` pictures a second; a habit says what is odd about it.

    pictures_sent: to all clients together. times: how often it did what it is known for.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(size=DAY)
        self.pictures_sent = self.times = 0
        self._chance = random.Random(seed)
        self._away_until_s = 0.0

    def _serve(self, client: socket.socket) -> None:
        if time.monotonic() < self._away_until_s:
            client.close()
            return
        super()._serve(client)

    def _play(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._habit(client)

    def _habit(self, client: socket.socket) -> None:
        raise NotImplementedError

    def _next_s(self, mean_s: float) -> float:
        return time.monotonic() + mean_s * self._chance.uniform(0.6, 1.4)

    def _wait_until(self, due_s: float) -> None:
        if (wait_s := due_s - time.monotonic()) > 0:
            self._ended.wait(wait_s)


class Lossy(HabitCamera):
    def _habit(self, client: socket.socket) -> None:
        lost_s, sequence, begin_s, number = self._next_s(60), 0, time.monotonic(), 0
        while time.monotonic() < lost_s and not self._ended.is_set():
            self._wait_until(begin_s + number / FPS)
            lost = {0} if number > FPS and self._chance.random() < LOST_PACKETS else ()
            nals = self._pictures[number % len(self._pictures)]
            sequence = send_picture(client, nals, sequence, number * CLOCK // FPS, lost)
            number += 1
            self.pictures_sent += 1
        self.times += 1
        self._away_until_s = self._next_s(4)


class Stalling(HabitCamera):
    def _habit(self, client: socket.socket) -> None:
        stall_s, sequence, begin_s, number = self._next_s(30), 0, time.monotonic(), 0
        while not self._ended.is_set():
            if time.monotonic() > stall_s:
                self.times += 1
                self._ended.wait(30 if self.times % 5 == 0 else self._chance.uniform(1, 6))
                stall_s = self._next_s(30)
            self._wait_until(begin_s + number / FPS)
            nals = self._pictures[number % len(self._pictures)]
            sequence = send_picture(client, nals, sequence, number * CLOCK // FPS)
            number += 1
            self.pictures_sent += 1


class Night(HabitCamera):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._at_night = pictures(25, NIGHT)

    def _habit(self, client: socket.socket) -> None:
        change_s, due_s = self._next_s(60), time.monotonic()
        sequence, stamp, number, night = 0, 0, 0, False
        while not self._ended.is_set():
            gop = self._at_night if night else self._pictures
            if time.monotonic() > change_s and number % len(gop) == 0:
                night, number, change_s = not night, 0, self._next_s(60)
                gop = self._at_night if night else self._pictures
                self.times += 1
            self._wait_until(due_s)
            sequence = send_picture(client, gop[number % len(gop)], sequence, stamp)
            fps = FPS // 2 if night else FPS
            number, due_s, stamp = number + 1, due_s + 1 / fps, stamp + CLOCK // fps
            self.pictures_sent += 1


class Clock(HabitCamera):
    def _habit(self, client: socket.socket) -> None:
        jump_s, sequence, begin_s, number, jumped = self._next_s(60), 0, time.monotonic(), 0, 0.0
        while not self._ended.is_set():
            if time.monotonic() > jump_s:
                jump_s = self._next_s(60)
                self.times += 1
                jumped += self._chance.choice([3600, -2, 0.5, -3600]) * CLOCK
            self._wait_until(begin_s + number / FPS)
            stamp = int(number * CLOCK / FPS + jumped)
            if number % (2 * FPS) == 0:
                send_report(client, self._time_of_day(), stamp)
            sequence = send_picture(client, self._pictures[number % len(self._pictures)], sequence, stamp)
            number += 1
            self.pictures_sent += 1

    def _time_of_day(self) -> float:
        return (time.time(), time.time() + 3600, time.time() - 3600, 86400.0)[self.times % 4]


CAMERAS: Mapping[str, type[HabitCamera]] = {"lossy": Lossy, "stalling": Stalling, "night": Night, "clock": Clock}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    ended = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()  # until whoever began it has gone
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with ExitStack() as all_of_them:
        cameras = {name: kind(a.seed + i) for i, (name, kind) in enumerate(CAMERAS.items())}
        for camera in cameras.values():
            all_of_them.enter_context(camera.serving())
        print(json.dumps({name: camera.url for name, camera in cameras.items()}), flush=True)
        while not ended.wait(1):
            new = a.log.with_suffix(".new")
            counts = {n: {"sent": c.pictures_sent, "times": c.times} for n, c in cameras.items()}
            new.write_text(json.dumps(counts))
            os.replace(new, a.log)


if __name__ == "__main__":
    main()
