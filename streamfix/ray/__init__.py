"""Restoration on the machines of a Ray cluster: `pip install "streamfix[ray]"`.

`restore_files` is what `streamfix cluster restore` does: many files, and long ones in segments, over all nodes.
`restore_batches` restores the clips of a Ray dataset. Ray itself is loaded when one of them is called.

`work` says what is to be done, `worker` is the actor that does it, `crew` keeps as many of them as the nodes carry,
`restoring` hands out the work, `report` says what became of it, `files` is all that for Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_names

_PUBLIC = {"Report": "report", "restore_batches": "batches", "restore_files": "files"}
__all__ = ["Report", "restore_batches", "restore_files"]

if TYPE_CHECKING:
    from .batches import restore_batches
    from .files import restore_files
    from .report import Report

__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
