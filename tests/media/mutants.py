"""Damaged copies of a clip, and what becomes of them on the way through: run as a program, so that it may crash."""

from __future__ import annotations

import logging
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

import av

from streamfix.errors import StreamfixError
from streamfix.media.output.writer import Writer
from tests.media.make import run

# A Python exception's name, which is never a message for a user.
EXCEPTION_NAME = re.compile(r"\b[A-Z]\w*(Error|Exception|Interrupt|Warning)\b|Traceback")


def flipped(data: bytearray, dice: random.Random) -> bytearray:
    """One to twenty bits changed."""
    for _ in range(dice.randint(1, 20)):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return data


def zeroed(data: bytearray, dice: random.Random) -> bytearray:
    """A run of up to 400 bytes set to 0."""
    at, size = dice.randrange(len(data)), dice.randint(1, 400)
    data[at : at + size] = bytes(len(data[at : at + size]))
    return data


def truncated(data: bytearray, dice: random.Random) -> bytearray:
    """The end cut off."""
    return data[: dice.randrange(1, len(data))]


def swapped(data: bytearray, dice: random.Random) -> bytearray:
    """Two blocks of 188 bytes exchanged."""
    a, b = (188 * dice.randrange(max(1, len(data) // 188)) for _ in range(2))
    data[a : a + 188], data[b : b + 188] = data[b : b + 188], data[a : a + 188]
    return data


def doubled(data: bytearray, dice: random.Random) -> bytearray:
    """A run of up to 2000 bytes written twice."""
    at, size = dice.randrange(len(data)), dice.randint(1, 2000)
    return data[:at] + data[at : at + size] + data[at:]


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    *(flipped, zeroed, truncated, swapped, doubled),
)


def mutant(data: bytes, seed: int) -> bytes:
    """A damaged copy; the same for the same seed."""
    dice = random.Random(seed)
    return bytes(MUTATIONS[seed % len(MUTATIONS)](bytearray(data), dice))


def outcome(source: Path, seed: int, folder: Path) -> str:
    """Restore a damaged copy: "ok", "error: ..." for a clean one, "odd: ..." for an exception that is none of ours.

    Before it stands the number of pictures that were encoded, also before an error.
    """
    damaged = folder / f"damaged{source.suffix}"
    damaged.write_bytes(mutant(source.read_bytes(), seed))
    ending = ("mp4", "mkv", "mov", "ts", "avi", "flv", "nut", "mkv")[seed % 8]
    audio = ("copy", "aac", "copy")[seed % 3]
    out = folder / f"out.{ending}"
    written: list[Writer] = []
    found = _ended(damaged, out, audio, written)
    return f"{written[0].frames_written if written else 0} pictures {found}"


def _ended(damaged: Path, out: Path, audio: str, written: list[Writer]) -> str:
    options = {"preset": "ultrafast"}
    try:
        run(damaged, out, overwrite=True, audio_codec=audio, options=options, inline=True, written=written)
    except StreamfixError as error:
        said = " ".join(str(error).split())
        return f"odd: {said}" if EXCEPTION_NAME.search(said) else f"error: {said}"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        import traceback

        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"odd: {type(error).__name__}: {error} ({where.filename}:{where.lineno})".replace("\n", " ")
    return "ok"


def main(source: str, folder: str, first: int, number: int) -> None:
    """Write the seed before each run and its outcome after it, so that a crash is known by its seed."""
    av.logging.set_level(None)
    heard: list[str] = []

    class Listen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    logging.getLogger("streamfix").addHandler(Listen())
    for seed in range(first, first + number):
        heard.clear()
        sys.stdout.write(f"{seed} ")
        sys.stdout.flush()
        found = outcome(Path(source), seed, Path(folder))
        odd = next((text for text in heard if EXCEPTION_NAME.search(text)), None)
        sys.stdout.write(f"{found if odd is None else f'odd: {odd}'}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
