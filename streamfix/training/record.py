"""A run's figures for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageError


class Record:
    """Writes figures into `folder`, which is made with the first of them: a start that fails leaves none behind.

    Raises UsageError at once where TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError('training writes TensorBoard logs: pip install "streamfix[train]"') from error
        self._open, self._folder = SummaryWriter, folder
        self._writer: Any = None

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """What the figures are at this step; it is on disk on return."""
        if self._writer is None:
            self._writer = self._open(str(self._folder))
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
