"""A child process that carries a stream: its pipes, its error messages, its end."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from ..redact import redact

_SPEAKER = re.compile(r"^\[[^\]]* @ 0x[0-9a-f]+\]\s*")  # libav's "[srt @ 0x55d0c8f0]"
_LEVEL = re.compile(r"(\[[^\]]* @ 0x[0-9a-f]+\]\s*)?\[(info|warning|error|fatal|panic)\] ?")
_NEWS = {"info", "warning"}
_LAST_WORDS_S = 0.5
# setpriv kills a child when the thread that made it ends, not the process; so one thread that stays makes them all.
_spawner = ThreadPoolExecutor(1, "spawn")


class Child:
    """A running command.

    reads, writes: open a pipe to its stdin (`input`) and from its stdout (`output`), both unbuffered.
    sign: how the line on its stderr begins that makes it `ready`; "" is ready at once.

    It has a process group of its own, so that ^C on the terminal does not end it before its stream is drained. If this
    process is killed, it ends too, whatever it waits for (where util-linux' setpriv is installed).
    """

    def __init__(self, command: Sequence[str], *, reads: bool = False, writes: bool = False, sign: str = "") -> None:
        setpriv = shutil.which("setpriv")
        ending = (setpriv, "--pdeathsig", "KILL") if setpriv is not None else ()
        self._process: subprocess.Popen[bytes] = _spawner.submit(
            subprocess.Popen,
            (*ending, *command),
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
            process_group=0,
        ).result()
        self.input: IO[bytes] | None = self._process.stdin
        self.output: IO[bytes] | None = self._process.stdout
        self.ready = not sign
        self._sign = sign
        self._said: deque[str] = deque(maxlen=20)
        self._listener = threading.Thread(target=self._listen, name="last words", daemon=True)
        self._listener.start()

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int:
        """0 while it runs and after success."""
        return self._process.poll() or 0

    @property
    def reason(self) -> str:
        """Why it ended, from its stderr, without secrets; "" while it has said nothing."""
        if not self.running:
            self._listener.join(_LAST_WORDS_S)
        said = list(self._said)
        if not said:
            return ""
        last = said[-1].rpartition(": ")[2]  # behind the URL
        # What the protocol reports about the connection says more than the failure that follows from it.
        telling = next((_SPEAKER.sub("", line) for line in reversed(said) if _SPEAKER.match(line)), "")
        if not telling:
            return redact(said[-1])
        return redact(telling if last in telling else f"{telling} ({last})")

    def close(self, patience_s: float = 2.0) -> None:
        """Close its input, give it `patience_s` to finish, then kill it. May be called again."""
        if self.input is not None:
            with suppress(OSError):
                self.input.close()
        if self.output is not None:
            # Nobody reads its output any more, so a child that only writes has nothing to finish.
            self.output.close()
        begin_s = time.monotonic()
        if self.input is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        self.kill()
        self._process.wait()
        self._listener.join(max(0.0, patience_s - (time.monotonic() - begin_s)) + _LAST_WORDS_S)

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait()

    def kill(self) -> None:
        """Kill it. From any thread: whoever waits on one of its pipes gets an error."""
        self._process.kill()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                level, text = _level_of(line.decode(errors="replace").strip())
                if self._sign and text.startswith(self._sign):
                    self.ready = True
                elif text and level not in _NEWS:
                    self._said.append(text)


def _level_of(line: str) -> tuple[str, str]:
    """(level, text) of a line that ffmpeg wrote with `-v level+...`; "" for the level if there is none."""
    found = _LEVEL.match(line)
    return (found[2], line[: found.start(2) - 1] + line[found.end() :]) if found else ("", line)
