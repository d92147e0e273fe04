"""A file in segments that many workers make: its plan, and what is done of it, in the work folder beside its output."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..folders import user_cache_folder
from ..jobs import Resume
from ..jobs.segments import manifest
from ..jobs.segments.folder import WorkFolder
from ..jobs.segments.plan import plan_from
from ..media import durable
from ..media.output.packet_file import facts_of
from . import storage
from .work import Item


class FileParts:
    """plan: where the file is cut. missing: segments that are not done yet, in order. folder: where they are kept.

    planned: the plan, and what the filters have settled, as a worker gives them. What an earlier run has left of the
    same job is kept; of another one it is removed, since the run's report has told that this one is wanted.
    Raises OutputError if there can be no folder, or another run uses it.
    """

    def __init__(self, item: Item, resume: Resume, folder: str, planned: Mapping[str, Any]) -> None:
        url = item.output
        if storage.is_remote(url):
            place = (user_cache_folder() or Path(tempfile.gettempdir())) / "cluster"
            place.mkdir(parents=True, exist_ok=True)
            url = str(place / hashlib.sha256(url.encode()).hexdigest()[:16])
        else:
            storage.prepare(url.rpartition("/")[0] or ".")
        self.folder = WorkFolder(url, item.shown)
        self.folder.open()
        try:
            described = {
                "segments apart": True,
                "resume_every": str(resume.every_s),
                "input": {} if storage.is_remote(item.input) else manifest.identity_of(item.spec.inputs[0]),
                "output": manifest.plain({n: getattr(item.spec.outputs[0], n) for n in ("video_options", "options")}),
                "resolved": planned["resolved"],
            }
            known = self._known()
            if known is None or {name: known.get(name) for name in described} != described:
                self.folder.remove()
                self.folder.begin({**described, "plan": planned["plan"]})
                known = {"plan": planned["plan"]}
            self.plan = plan_from(known["plan"])
            self.missing = [s.index for s in self.plan.segments if not self._whole(s.index)]
        except BaseException:
            self.folder.close()
            raise

    def keep(self, index: int, data: bytes) -> None:
        """Keep a segment that was made. Raises OutputError if the disk takes no more."""
        durable.write(self.folder.segment(index), data)
        with suppress(ValueError):  # it was made twice: its first worker was lost, and was not
            self.missing.remove(index)

    def complete(self) -> None:
        """The output is there: remove what was kept."""
        self.folder.remove()
        self.folder.close()

    def close(self) -> None:
        """Let another run use what was kept."""
        self.folder.close()

    def _known(self) -> dict[str, Any] | None:
        try:
            return self.folder.manifest()
        except OutputError:
            return None

    def _whole(self, index: int) -> bool:
        if not self.folder.segment(index).exists():
            return False
        try:
            facts_of(self.folder.segment(index))
        except OutputError:
            return False
        return True
