"""A filter that tells how often it was made, which is when a model would be read."""

from __future__ import annotations

from streamfix.conformance.examples import Echo


class Loads(Echo):
    """Counts how often it is made."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
