"""How long recordings are kept: by their age, and by the room that a stream's take together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .catalogue import Recording

FRESH_S = 60.0  # what was written within this time may still be written, by another process too


@dataclass(frozen=True, slots=True)
class Limits:
    """max_age_s: seconds since a recording was last written. max_bytes: of all recordings of a stream together."""

    max_age_s: float | None = None
    max_bytes: int | None = None


def too_many(
    recordings: Sequence[Recording], limits: Limits, now_s: float, writing: Collection[tuple[int, int]]
) -> list[tuple[Recording, str]]:
    """Recordings to delete, each with the reason; the oldest first.

    recordings: the oldest first. now_s: Unix seconds. writing: identities of files that are open. These are never
    deleted, nor is what was written within `FRESH_S`, or in the future, as far as the clock knows.
    """
    free = [one for one in recordings if one.identity not in writing and now_s - one.changed_s >= FRESH_S]
    doomed = []
    left = sum(one.bytes for one in recordings)
    for one in free:
        if limits.max_age_s is not None and now_s - one.changed_s > limits.max_age_s:
            why = "max_age"
        elif limits.max_bytes is not None and left > limits.max_bytes:
            why = "max_size"
        else:
            break  # the others are younger, and there is room for them
        doomed.append((one, why))
        left -= one.bytes
    return doomed
