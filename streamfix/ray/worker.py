"""The actor that restores: one for each device or part of a node. It holds the filters, and serves files and segments.

Nothing here needs Ray: `crew` makes an actor of it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from .. import cores
from ..chainspec import FilterSpec
from ..devices import cpu
from ..errors import Cancelled, StreamfixError
from ..jobs import Hosting, Job, JobSpec, Restoration, Resume, build_job, restore_stage
from ..jobs.pool import FilterPool
from ..jobs.segments.folder import FolderInUse
from ..jobs.segments.manifest import resolved
from ..jobs.segments.parts import Parts
from ..jobs.segments.plan import plan_from
from ..lazy import if_loaded
from . import storage
from .work import Item

_GONE_WITHIN_S = 30.0  # a worker of a lost node ends, and with it its lock of an output
_PART = 16 * 2**20  # bytes of a carried file at a time

Carried = Callable[[str, int, int], bytes]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task. reason: why it failed, None if it did not. frames: restored. video_s: of the result.

    took_s, cpu_s: how long it took, and how much of processors.
    values: what the task is for: a plan, a segment's bytes.
    """

    reason: str | None = None
    frames: int = 0
    took_s: float = 0.0
    cpu_s: float = 0.0
    video_s: float = 0.0
    values: Any = None


class Worker:
    """Restores files and segments, one at a time.

    chain: the filters, which `begin` makes and which are kept from task to task. device: as `devices.choose` takes it.
    threads: that filters use, whatever the node has. carried: reads a part of a file of the machine that asks.
    """

    def __init__(self, chain: Sequence[FilterSpec], device: str, threads: int, carried: Carried | None = None) -> None:
        self._chain, self._device, self._threads, self._carried = chain, device, threads, carried
        self._hosting = Hosting()
        self._kept: Restoration | None = None
        self._scratch = Path(tempfile.mkdtemp(prefix="streamfix-"))
        self._job: Job | None = None
        self._parts: tuple[int, Parts] | None = None
        self._stopped = threading.Event()

    def begin(self) -> dict[str, Any]:
        """Make the filters: what they have settled by themselves, and the node; or why they cannot be made."""
        cores.limit(self._threads)
        cpu.share_cores(1)
        try:
            self._hosting = Hosting(pool=FilterPool(self._device))
            self._kept = restore_stage(self._chain, self._device, self._hosting.pool)
        except StreamfixError as error:
            return {"refused": " ".join(str(error).split()), "node": _node()}
        settled = resolved(() if self._kept is None else self._kept.filters)
        return {"settled": settled, "node": _node(), "pid": os.getpid()}

    def frames(self) -> int:
        """Written of the task under way; from another thread."""
        job, parts = self._job, self._parts
        if job is not None:
            return job.progress.frames - job.progress.earlier
        return 0 if parts is None else parts[1].frames

    def whole(self, item: Item, resume: Resume) -> Outcome:
        """Restore a file; where its output lies in a folder, another worker goes on with what this one leaves."""

        def work() -> Outcome:
            with self._local(item) as spec:
                job = self._built(replace(spec, resume=resume))
                self._job = job
                try:
                    job.run()
                finally:
                    self._job = None
                if storage.is_remote(item.output):
                    storage.store(Path(spec.outputs[0].url), item.output)
                done = job.progress
                return Outcome(frames=done.frames - done.earlier, video_s=done.time_s or 0.0)

        return self._told(work)

    def plan(self, item: Item, resume: Resume) -> Outcome:
        """Where a file is cut, and what its filters have settled."""

        def work() -> Outcome:
            parts = self._parts_of(item, resume)
            return Outcome(values={"plan": parts.plan().as_values(), "resolved": parts.settled})

        return self._told(work)

    def segment(self, item: Item, resume: Resume, plan: dict[str, Any], index: int) -> Outcome:
        """Restore a segment; its file as bytes."""

        def work() -> Outcome:
            parts = self._parts_of(item, resume)
            path = self._scratch / "segment"
            facts = parts.make(plan_from(plan).segments[index], path)
            data = path.read_bytes()
            path.unlink()
            return Outcome(frames=facts["frames"], values=data)

        return self._told(work)

    def join(self, item: Item, resume: Resume, folder: str, count: int) -> Outcome:
        """Make the output of all segments, which lie in a folder that this process sees."""

        def work() -> Outcome:
            parts = self._parts_of(item, resume)
            parts.join([Path(folder, f"segment-{index:06d}.packets") for index in range(count)])
            if storage.is_remote(item.output):
                storage.store(Path(parts.spec.outputs[0].url), item.output)
            self._let_go()
            return Outcome()

        return self._told(work)

    def stop(self) -> None:
        """End the task under way, and leave no file; from another thread."""
        self._stopped.set()
        if self._job is not None:
            self._job.cancel()
        if self._parts is not None:
            self._parts[1].cancel()

    def close(self) -> None:
        """Release the filters, and remove what was copied here."""
        self._let_go()
        if self._kept is not None:
            self._kept.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _told(self, work: Callable[[], Outcome]) -> Outcome:
        """What `work` gives; an error of ours, or of the file's, is its reason."""
        begun_s, cpu_s = time.monotonic(), time.process_time()
        try:
            outcome = work()
        except Cancelled:
            raise
        except StreamfixError as error:
            self._let_go()
            outcome = Outcome(" ".join(str(error).split()))
        except Exception as error:  # noqa: BLE001  # a file costs itself, whatever it is
            self._let_go()
            outcome = Outcome(f"internal error, please report it: {type(error).__name__}: {error}")
        return replace(outcome, took_s=time.monotonic() - begun_s, cpu_s=time.process_time() - cpu_s)

    def _built(self, spec: JobSpec) -> Job:
        """The job; the worker of a lost node may hold its folder until it notices."""
        end_s = time.monotonic() + _GONE_WITHIN_S
        while True:
            try:
                return build_job(spec, self._hosting)
            except FolderInUse:
                if time.monotonic() > end_s or self._stopped.wait(0.5):
                    raise

    def _parts_of(self, item: Item, resume: Resume) -> Parts:
        if self._parts is not None and self._parts[0] == item.number:
            return self._parts[1]
        self._let_go()
        spec = replace(item.spec, inputs=[self._input(item)], outputs=[self._output(item)], resume=resume)
        parts = Parts(spec, self._hosting)
        self._parts = item.number, parts
        return parts

    def _let_go(self) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            parts[1].close()
        for path in self._scratch.iterdir():
            with suppress(OSError):
                path.unlink()

    @contextmanager
    def _local(self, item: Item) -> Iterator[JobSpec]:
        """The job on this machine's files."""
        self._let_go()
        try:
            yield replace(item.spec, inputs=[self._input(item)], outputs=[self._output(item)])
        finally:
            for path in self._scratch.iterdir():
                if path.is_file():
                    path.unlink()

    def _input(self, item: Item) -> Any:
        spec = item.spec.inputs[0]
        copied = self._scratch / f"input{PurePosixPath(item.input).suffix}"
        if storage.is_remote(item.input):
            storage.fetch(item.input, copied)
        elif self._carried is not None:
            with copied.open("wb") as file:
                while part := self._carried(item.input, file.tell(), _PART):
                    file.write(part)
        else:
            return spec
        return replace(spec, url=str(copied))

    def _output(self, item: Item) -> Any:
        spec = item.spec.outputs[0]
        if storage.is_remote(item.output) or self._carried is not None:
            suffix = PurePosixPath(item.output).suffix
            return replace(spec, url=str(self._scratch / f"output{suffix}"), overwrite=True)
        Path(item.output).parent.mkdir(parents=True, exist_ok=True)
        return spec


def _node() -> str:
    """The id of this process's node; "" outside of Ray."""
    ray = if_loaded("ray")
    return "" if ray is None or not ray.is_initialized() else str(ray.get_runtime_context().get_node_id())
