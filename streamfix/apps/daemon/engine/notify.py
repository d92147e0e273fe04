"""Tells systemd the service's state, as sd_notify(3) does; does nothing without NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

log = logging.getLogger("streamfix.daemon")


class Notifier:
    """The service's connection to its manager.

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
        """The manager kills the service after so many seconds without a ping; None if it has no watchdog."""
        return self._watchdog_s if self._address else None

    def ready(self) -> None:
        """Say that the service has started, or has finished a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that a reload begins; `ready` ends it. (Type=notify-reload needs the monotonic time.)"""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say that the service is ending."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Set the line in `systemctl status`; sent only when it changes."""
        text = " ".join(text.split())
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self, now_s: float) -> None:
        """Ping the watchdog, from the loop that must not hang; sent twice in the watchdog's time.

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
        except OSError as error:  # the manager may be restarting; the streams go on regardless
            log.warning("NOTIFY_SOCKET: systemd was not told %s: %s", message.split("\n")[0], error)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1e6
