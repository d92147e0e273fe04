"""A process that carries a stream for us: its pipes, its last words, its end."""

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

from .redact import redact

_SPEAKER = re.compile(r"^\[[^\]]* @ 0x[0-9a-f]+\]\s*")  # libav's "[srt @ 0x55d0c8f0]"
_LEVEL = re.compile(r"(\[[^\]]* @ 0x[0-9a-f]+\]\s*)?\[(info|warning|error|fatal|panic)\] ?")
_NEWS = {"info", "warning"}
_LAST_WORDS_S = 0.5
# A child that dies with its parent dies with the thread that made it; so all are made in one that stays.
_spawner = ThreadPoolExecutor(1, "spawn")


class Child:
    """A running command.

    input: what it reads, output: what it writes, if asked for; unbuffered. It is in a process group of its own: ^C
    on the terminal is ours to answer, and what it carries is still drained. Where we are killed it ends too, whatever
    it is waiting for (if there is util-linux' setpriv).

    sign: what a line on its stderr begins with once it is `ready`.
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
        """False once it has ended, by itself or by us."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int:
        """0 while it runs, and where all went well."""
        return self._process.poll() or 0

    @property
    def reason(self) -> str:
        """Why it ended, in its own words with no secrets in them; "" while it says nothing."""
        if not self.running:
            self._listener.join(_LAST_WORDS_S)
        said = list(self._said)
        if not said:
            return ""
        last = said[-1].rpartition(": ")[2]  # behind the URL
        # What a protocol says of the connection tells more than what fails because of it.
        telling = next((_SPEAKER.sub("", line) for line in reversed(said) if _SPEAKER.match(line)), "")
        if not telling:
            return redact(said[-1])
        return redact(telling if last in telling else f"{telling} ({last})")

    def close(self, patience_s: float = 2.0) -> None:
        """End its input, let it finish what it has for so long, then kill it. May be called again."""
        if self.input is not None:
            with suppress(OSError):
                self.input.close()
        if self.output is not None:
            # Nobody reads any more: what only writes has nothing to finish.
            self.output.close()
        begin_s = time.monotonic()
        if self.input is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        self.kill()
        self._process.wait()
        self._listener.join(max(0.0, patience_s - (time.monotonic() - begin_s)) + _LAST_WORDS_S)

    def wait(self) -> None:
        """Until it has ended."""
        self._process.wait()

    def kill(self) -> None:
        """End it now. From any thread: what waits in one of its pipes gets an error."""
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
    """The level that an ffmpeg with `-v level+...` puts into a line, and the line without."""
    found = _LEVEL.match(line)
    return (found[2], line[: found.start(2) - 1] + line[found.end() :]) if found else ("", line)
