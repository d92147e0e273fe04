"""Tells systemd how the service is: sd_notify(3), in the protocol's own words; nothing without NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger("streamfix.daemon")


class Notifier:
    """One service's line to its manager.

    environment: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as sd_notify(3) and sd_watchdog_enabled(3) have them.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        path = environment.get("NOTIFY_SOCKET", "")
        # An @ stands for the zero byte of Linux' abstract namespace.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._watchdog_s = _watchdog_s(environment)
        self._pinged_s = float("-inf")
        self._status = ""

    @property
    def watchdog_s(self) -> float | None:
        """Seconds without a sign of life after which the manager kills the service; None if it does not."""
        return self._watchdog_s if self._address else None

    def ready(self) -> None:
        """The service has started, or has ended a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it. (Type=notify-reload needs the time on the monotonic clock.)"""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent when it is another than before."""
        text = " ".join(text.split())
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self, now_s: float) -> None:
        """A sign of life from the loop that must not stand still; sent each half of the watchdog's time.

        now_s: monotonic seconds.
        """
        if self._watchdog_s is not None and now_s - self._pinged_s >= self._watchdog_s / 2:
            self._pinged_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.setblocking(False)
                line.sendto(message.encode(), self._address)
        except OSError as error:  # the manager may restart; the streams are more important than its knowing
            log.warning("NOTIFY_SOCKET: %s cannot be told: %s", message.split("\n")[0], error)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
