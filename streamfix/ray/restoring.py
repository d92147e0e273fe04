"""Restores many files over the nodes of a cluster: hands tasks to workers, and keeps what is done."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import Cancelled, InputError, OutputError, StreamfixError
from . import report as reports
from . import storage, work
from .connection import connected
from .crew import Crew, Member, check_nodes
from .file_parts import FileParts
from .report import Report
from .work import Item, Options
from .worker import Outcome

_TRIES = 4  # of one task, whose workers were lost
_STARTED_WITHIN_S = 180.0
_LOOKED_AT_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. frames: restored in this run. part: of the files, 0 to 1. workers: that there are now."""

    files: int
    done: int
    failed: int
    frames: int
    elapsed_s: float
    part: float
    workers: int
    lost: int


@dataclass(slots=True, eq=False)
class _Task:
    """What a worker is given. index: of a segment; None for the whole file, -1 for its plan, -2 for joining."""

    item: Item
    index: int | None
    tries: int = 0
    begun_s: float = 0.0
    nodes: list[str] = field(default_factory=list)


_PLAN, _JOIN = -1, -2
_NAMES: dict[int | None, str] = {None: "whole", _PLAN: "plan", _JOIN: "join"}


class Run:
    """One run over files. tell: is called about twice a second. place: of the report.

    Raises a StreamfixError for what can be known before any node is asked.
    """

    def __init__(
        self, items: Sequence[Item], folder: str, options: Options, tell: Callable[[Progress], None] = lambda _p: None
    ) -> None:
        work.check(items, options)
        storage.prepare(folder)
        self.items, self._folder, self._options, self._tell = items, folder, options, tell
        self.place = options.report or storage.joined(folder, reports.NAME)
        self._resume = work.resume_of(options)
        self.report = reports.new(items, work.described(items[0].spec, options))
        if options.resume:
            reports.go_on(self.report, self.place)
        self._waiting: deque[_Task] = deque()
        self._joins: deque[_Task] = deque()
        self._joining: dict[Any, _Task] = {}
        self._tasks: dict[Any, _Task] = {}
        self._parts: dict[int, FileParts] = {}
        self._stopped = threading.Event()
        self._begun_s = 0.0

    def stop(self) -> None:
        """End soon: what is done is kept, and `run` raises Cancelled. From any thread, or a signal."""
        self._stopped.set()

    def run(self) -> Report:
        """Restore all files; what became of them. Raises a StreamfixError if it cannot be done at all, or Cancelled."""
        with connected(self._options.address) as ray:
            self.report.nodes = check_nodes(ray, self.items, self._options, self._folder)
            self._begun_s = time.monotonic()
            self._take_over()
            if not self._waiting:
                reports.write(self.report, self.place)
                return self.report
            crew = Crew(ray, self.items[0], self._options)
            try:
                self._work(ray, crew)
            finally:
                crew.close()
                for parts in self._parts.values():
                    parts.close()
                self.report.took_s = time.monotonic() - self._begun_s
                reports.write(self.report, self.place)
        return self.report

    def _take_over(self) -> None:
        """Tasks for all files that earlier runs have not done."""
        for item, file in zip(self.items, self.report.files, strict=True):
            try:
                identity = reports.identity(item)
            except InputError as error:
                self._fail(item, str(error))
                continue
            there = storage.exists(item.output)
            known = file.identity == identity
            begun_and_complete = (
                file.state == "begun" and there and not file.replaces and not Path(f"{item.output}.streamfix").exists()
            )
            if known and there and (file.state == "done" or begun_and_complete):
                file.state = "done"
                continue
            file.state, file.identity, file.replaces = "waiting", identity, there
            self._waiting.append(_Task(item, None if self._options.every_s is None else _PLAN))

    def _work(self, ray: Any, crew: Crew) -> None:
        told_s = saved_s = 0.0
        while self._waiting or self._tasks or self._joins or self._joining:
            if self._stopped.is_set():
                raise Cancelled(
                    f"{storage.local(self._folder)}: stopped; {self.report.done} of {len(self.items)} files are done. "
                    "Give the same command with -resume to go on"
                )
            crew.hire(len(self._waiting) + len(self._tasks))
            self._hand_out(crew)
            refs = [*crew.starting, *self._tasks, *self._joining]
            ready = ray.wait(refs, timeout=_LOOKED_AT_EVERY_S)[0] if refs else []
            for ref in ready:
                if ref in crew.starting:
                    crew.started(ref)
                elif ref in self._joining:
                    self._joined(ray, ref)
                else:
                    self._ended(ray, crew, ref)
            now_s = time.monotonic()
            if not crew.idle and not crew.busy and not self._joining and now_s - self._begun_s > _STARTED_WITHIN_S:
                self._check_hope(crew)
            if now_s - told_s >= _LOOKED_AT_EVERY_S:
                told_s = now_s
                self._ask(ray, crew)
                self._tell(self.progress(crew))
            if now_s - saved_s >= 5 or ready:
                saved_s = now_s
                reports.write(self.report, self.place)
        self._tell(self.progress(crew))

    def _check_hope(self, crew: Crew) -> None:
        if not crew.places():
            raise InputError(
                f"no node is left that has {self._options.cores} CPUs; what is done is kept: start nodes, and give the "
                "same command with -resume"
            )

    def _hand_out(self, crew: Crew) -> None:
        while self._waiting and crew.idle:
            task, member = self._waiting.popleft(), crew.idle.pop()
            file = self.report.files[task.item.number]
            task.tries += 1
            task.begun_s = time.monotonic()
            task.nodes.append(member.node)
            file.tries += 1
            file.state = "begun"
            if member.node not in file.nodes:
                file.nodes.append(member.node)
            member.frames = 0
            item = task.item
            if task.index is None:
                ref = member.actor.whole.remote(item, self._resume)
            elif task.index == _PLAN:
                ref = member.actor.plan.remote(item, self._resume)
            elif task.index == _JOIN:
                ref = self._join(member.actor, item)
            else:
                plan = self._parts[item.number].plan.as_values()
                ref = member.actor.segment.remote(item, self._resume, plan, task.index)
            self._tasks[ref] = task
            crew.busy[ref] = member
        while self._joins and not self._joining:
            task = self._joins.popleft()
            task.begun_s = time.monotonic()
            self._joining[self._join(crew.joiner(), task.item)] = task

    def _join(self, actor: Any, item: Item) -> Any:
        parts = self._parts[item.number]
        return actor.join.remote(item, self._resume, str(parts.folder.path), len(parts.plan.segments))

    def _ended(self, ray: Any, crew: Crew, ref: Any) -> None:
        task, member = self._tasks.pop(ref), crew.busy.pop(ref)
        try:
            outcome = ray.get(ref)
        except ray.exceptions.RayError as error:
            crew.lost(member)
            self._lost(task, member, " ".join(str(error).split())[:200])
            return
        crew.idle.append(member)
        self._count(task, member.node, outcome)
        if outcome.reason is not None:
            self._fail(task.item, outcome.reason)
        elif task.index is None:
            self._complete(task.item)
        elif task.index == _JOIN:
            self._is_joined(task.item, outcome)
        else:
            self._go_on(task, outcome)

    def _lost(self, task: _Task, member: Member, reason: str) -> None:
        """A worker went: its task is another's, before all others."""
        after_s = time.monotonic() - task.begun_s
        part = None if task.index is None else task.index
        self.report.lost.append(
            {"node": member.node, "file": task.item.shown, "segment": part, "lost_s": round(after_s, 3), "why": reason}
        )
        if task.tries < _TRIES:
            self._waiting.appendleft(task)
            return
        where = ", ".join(dict.fromkeys(task.nodes))
        self._fail(
            task.item,
            f"its worker was lost {task.tries} times, on {where}: it may need more memory than there is; give fewer "
            "workers a node (-cores, -memory)",
        )

    def _count(self, task: _Task, node: str, outcome: Outcome) -> None:
        file = self.report.files[task.item.number]
        what = _NAMES.get(task.index, task.index)
        waited_s = time.monotonic() - task.begun_s - outcome.took_s
        seconds = {"took_s": outcome.took_s, "cpu_s": outcome.cpu_s, "around_s": waited_s}
        seconds["begun_s"] = task.begun_s - self._begun_s
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        file.tasks.append({"what": what, "node": node, "frames": outcome.frames, **rounded})
        file.frames += outcome.frames
        file.took_s = round(file.took_s + outcome.took_s, 3)
        file.video_s = outcome.video_s or file.video_s

    def _go_on(self, task: _Task, outcome: Outcome) -> None:
        """A plan gives segments, the last segment a join."""
        item = task.item
        if task.index == _PLAN:
            try:
                parts = FileParts(item, self._resume, self._folder, outcome.values)
            except StreamfixError as error:
                self._fail(item, str(error))
                return
            self._parts[item.number] = parts
            self.report.files[item.number].segments = len(parts.plan.segments)
            self._waiting.extend(_Task(item, index) for index in parts.missing)
        elif item.number in self._parts:
            assert task.index is not None
            try:
                self._parts[item.number].keep(task.index, outcome.values)
            except OutputError as error:
                self._fail(item, str(error))
                return
        parts_left = self._parts.get(item.number)
        if parts_left is None or parts_left.missing:
            return
        if self._options.carry or storage.is_remote(item.output):
            self._joins.append(_Task(item, _JOIN))  # the segments are on this machine alone
        else:
            self._waiting.appendleft(_Task(item, _JOIN))

    def _joined(self, ray: Any, ref: Any) -> None:
        task = self._joining.pop(ref)
        try:
            outcome = ray.get(ref)
        except ray.exceptions.RayError as error:
            self._fail(task.item, f"its segments could not be joined: {' '.join(str(error).split())[:200]}")
            return
        self._count(task, "", outcome)
        if outcome.reason is None:
            self._is_joined(task.item, outcome)
        else:
            self._fail(task.item, outcome.reason)

    def _is_joined(self, item: Item, outcome: Outcome) -> None:
        self.report.files[item.number].join_s = round(outcome.took_s, 3)
        self._parts.pop(item.number).complete()
        self._complete(item)

    def _complete(self, item: Item) -> None:
        self.report.files[item.number].state = "done"

    def _fail(self, item: Item, reason: str) -> None:
        file = self.report.files[item.number]
        file.state, file.reason = "failed", reason
        for queue in (self._waiting, self._joins):
            for task in [task for task in queue if task.item is item]:
                queue.remove(task)
        parts = self._parts.pop(item.number, None)
        if parts is not None:
            parts.close()

    def _ask(self, ray: Any, crew: Crew) -> None:
        """How many frames each worker has written, as far as it has answered."""
        for member in crew.busy.values():
            if member.asked is not None and ray.wait([member.asked], timeout=0)[0]:
                with suppress(ray.exceptions.RayError):
                    member.frames = ray.get(member.asked)
                member.asked = None
            if member.asked is None:
                member.asked = member.actor.frames.remote()

    def progress(self, crew: Crew) -> Progress:
        """How far it is."""
        files = self.report.files
        ended = self.report.done + len(self.report.failed)
        inside = 0.0
        for number, parts in self._parts.items():
            if files[number].state == "begun":
                count = len(parts.plan.segments)
                inside += (count - len(parts.missing)) / max(count, 1)
        return Progress(
            files=len(files),
            done=self.report.done,
            failed=len(self.report.failed),
            frames=sum(file.frames for file in files) + sum(member.frames for member in crew.busy.values()),
            elapsed_s=time.monotonic() - self._begun_s,
            part=min(1.0, (ended + inside) / max(len(files), 1)),
            workers=len(crew.idle) + len(crew.busy),
            lost=len(self.report.lost),
        )


__all__: Sequence[str] = ("Progress", "Run")
