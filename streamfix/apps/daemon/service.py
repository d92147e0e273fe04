"""`streamfix daemon`: parses its arguments and runs the service until a signal ends it."""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import StreamfixError
from ...jobs.live import share_interpreter
from . import logs
from .config.config import DaemonConfig, load
from .config.trial import check_file
from .engine.heap import limit_heaps
from .engine.notify import Notifier
from .engine.supervisor import Supervisor
from .http.api import create_app
from .http.serving import HttpServer

UNFINISHED = 1  # outputs that could not be finished in time; also wrong usage, as in ffmpeg
HARD_EXIT = 123  # a second signal

log = logging.getLogger("streamfix.daemon")


def run(words: Sequence[str]) -> int:
    """Run the daemon; returns its exit code. Raises SystemExit as argparse does.

    0: all outputs were finished. 1: they were not, or the daemon could not start. 123: a second signal ended it.
    """
    arguments = read(words)
    level = logs.parse_level(arguments.loglevel)
    logs.set_up(arguments.log or "human", level)
    try:
        if arguments.check:
            sys.stdout.write(f"{arguments.config}: {_looked_at(check_file(arguments.config))}, nothing wrong\n")
            return 0
        config = load(arguments.config)
        logs.set_up(arguments.log or config.log, level)
        return Service(config, arguments.config).run()
    except StreamfixError as error:
        for line in str(error).splitlines():
            log.critical("%s", line)
        return 1


class Service:
    """Runs the streams and their API, and handles signals.

    SIGTERM, SIGINT: finish all outputs and end; a second one ends at once. SIGHUP: read the configuration again.
    """

    def __init__(self, config: DaemonConfig, path: Path) -> None:
        self._notifier = Notifier()
        self.supervisor = Supervisor(config, lambda: load(path), path=path, notifier=self._notifier)
        app = create_app(self.supervisor, config, self.supervisor.secrets)
        self.server = HttpServer(app, config.host, config.port, on_close=app.state.previews.close)
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._told = 0

    def run(self) -> int:
        """Run until a signal ends it; returns the exit code. Call it in the main thread. Raises UsageError."""
        threading.excepthook = _thread_died
        share_interpreter()
        limit_heaps()
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(each, self._on_signal)
        config = self.supervisor.config
        self.server.start()
        log.info("streamfix %s: the API and its page are at http://%s:%d", __version__, config.host, self.server.port)
        self.supervisor.open()
        self._notifier.ready()
        while (number := self._signals.get()) == signal.SIGHUP.value:
            self._reload()
        return self._end(signal.Signals(number))

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            self.supervisor.reload()
        except StreamfixError as error:
            log.debug("%s", error)  # it has been told
        except Exception:
            log.exception("not reloaded because of a bug in the daemon; the streams go on")
        finally:
            self._notifier.ready()

    def _end(self, why: signal.Signals) -> int:
        limit_s = self.supervisor.config.drain_s
        log.info("%s: finishing all outputs within %.0f s; another signal ends at once", why.name, limit_s)
        self._notifier.stopping()
        begun_s = time.monotonic()
        finished = self.supervisor.drain(limit_s)
        self.server.close()
        took_s = time.monotonic() - begun_s
        if finished:
            log.info("all outputs were finished in %.1f s", took_s)
        else:
            log.error("ended after %.1f s; the outputs of the streams named above are unfinished", took_s)
        # An abandoned thread may hang in C for ever: the process does not wait for it.
        return 0 if finished else _leave(UNFINISHED)

    def _on_signal(self, number: int, frame: Any) -> None:
        if number != signal.SIGHUP:
            self._told += 1
            if self._told > 1:
                _leave(HARD_EXIT)
        self._signals.put(number)


def _looked_at(config: DaemonConfig) -> str:
    """What --check has tried, for people."""
    count, off = len(config.streams), sum(not stream.enabled for stream in config.streams)
    said = f"{count} stream{'' if count == 1 else 's'}"
    return f"{said} ({off} not enabled, of which the form alone was checked)" if off else said


def _thread_died(what: threading.ExceptHookArgs) -> None:
    name = what.thread.name if what.thread is not None else "?"
    value = what.exc_value
    log.critical("thread %s has died of a bug in the daemon", name, exc_info=value)


def _leave(code: int) -> int:
    sys.stderr.flush()
    os._exit(code)


def read(words: Sequence[str]) -> argparse.Namespace:
    """The arguments. Raises SystemExit as argparse does."""
    parser = argparse.ArgumentParser(
        "streamfix daemon",
        description="Restore many live streams at once. SIGHUP reads the configuration again; SIGTERM finishes all "
        "outputs and ends.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration, TOML")
    parser.add_argument(
        "--check",
        action="store_true",
        help="try all that the file says, from secrets and models to encoders and folders, and start nothing",
    )
    parser.add_argument("--log", choices=logs.STYLES, help="form of the log; overrides daemon.log")
    parser.add_argument(
        "-v", "-loglevel", "--loglevel", default="info", metavar="LEVEL", help=f"one of {', '.join(logs.LEVELS)}"
    )
    return parser.parse_args(words)
