"""A job that leaves evidence: a viewing copy, a working copy without loss, maps, and the record of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...chainspec import FilterSpec
from ...errors import Cancelled, InputError, OutputError, UsageError
from ...filters import FILTERS
from ...live.outputs.fanout import Fanout
from ...media import durable
from ...media.input.reader import Reader
from ...media.specs import OutputSpec
from ...pipeline import Chain, Pipeline, close_all
from ..chain import Restoration, check_chain, restore_stage
from ..job import Evidence, Hosting, Job, JobSpec, open_reader
from . import credentials, refusals, settling, sidecar, signature
from .arithmetic import DEVICE, THREADS, Fixed
from .digests import canonical, file_sha256
from .maps import LOSSLESS, SAME_FILE, MapWriter
from .witness import Before, Behind, Ledger, Testimony


class EvidenceJob(Job):
    """A job with its record, ready to run once. `evidence_job` makes it."""

    def __init__(
        self,
        spec: JobSpec,
        evidence: Evidence,
        reader: Reader,
        chain: Witnessed,
        writer: Fanout,
        record: dict[str, Any],
        fixed: Fixed,
        hosting: Hosting,
    ) -> None:
        pipeline = Pipeline(reader, chain, writer, depth=spec.queue_depth, worked=hosting.worked)
        super().__init__(spec, reader, chain.restoration, writer, pipeline)
        self._evidence, self._chain, self._record, self._fixed = evidence, chain, record, fixed

    def run(self) -> None:
        try:
            super().run()
            self._finish()
        finally:
            self._fixed.end()

    def _finish(self) -> None:
        """Write the record: only of what is whole."""
        folder = Path(self._evidence.folder)
        if self.reader.stopped_early:
            raise Cancelled(
                f"stopped: what is in {folder} is no evidence, since a part of the recording is missing; delete it"
            )
        for spec, row in zip(self.spec.inputs, self._record["inputs"], strict=True):
            if file_sha256(spec.url.removeprefix("file:")) != row["sha256"]:
                raise InputError(
                    f"{spec.shown}: the recording has changed while it was read; nothing of it is evidence. Work on a "
                    "copy that nobody writes to"
                )
        viewing = Path(self.spec.outputs[0].url.removeprefix("file:"))
        if self._evidence.credentials is not None:
            credentials.sign(viewing, self._evidence.credentials, self._record, self._chain.rows)
        record = {
            **self._record,
            "frames": self._chain.rows,
            "viewing_copy": sidecar.file_row(viewing, encoder=self.writer.video_codec),
            "working_copy": sidecar.file_row(folder / sidecar.WORKING_COPY, encoder="ffv1"),
            "maps": {kind: sidecar.file_row(folder / f"{kind}.mkv") for kind in self._evidence.maps},
        }
        path = folder / sidecar.NAME
        durable.write(path, canonical(record))
        if self._evidence.key is not None:
            signature.sign(path, self._evidence.key)


class Witnessed(Chain):
    """The filters with a witness on either side.

    maps: writes them, and is closed with the filters. tell: is told of each frame. rows: what was written down of each.
    """

    def __init__(
        self,
        restoration: Restoration | None,
        maps: MapWriter | None = None,
        tell: Callable[[Testimony], None] = lambda _: None,
    ) -> None:
        self.restoration, self._maps, self._tell = restoration, maps, tell
        self.rows: list[Mapping[str, Any]] = []
        ledger = Ledger(self._hear)
        inner = () if restoration is None else (restoration,)
        super().__init__(Before(ledger), *inner, Behind(ledger), name="restore")

    def flush(self) -> Any:
        yield from super().flush()
        if self._maps is not None:
            self._maps.flush()

    def close(self) -> None:
        close_all((*self.stages, *(() if self._maps is None else (self._maps,))))

    def _hear(self, of: Testimony) -> None:
        self.rows.append(of.row)
        if self._maps is not None:
            self._maps.push(of)
        self._tell(of)


def evidence_job(spec: JobSpec, evidence: Evidence, hosting: Hosting) -> EvidenceJob:
    """Check what is asked, settle what is left open, hash the inputs and open all. Raises a StreamfixError."""
    refusals.check(spec, evidence)
    check_chain(spec.filters)
    if evidence.key is not None:
        signature.check(evidence.key)
    if evidence.credentials is not None:
        credentials.check(evidence.credentials, spec.outputs[0].url)
    fixed = Fixed()
    fixed.begin()
    opened: list[Any] = []
    try:
        chain, restoration = settled_stage(spec)
        opened += [] if restoration is None else [restoration]
        spec = replace(spec, inputs=[replace(one, thread_count=THREADS) for one in spec.inputs], filters=chain)
        hashes = [file_sha256(one.url.removeprefix("file:")) for one in spec.inputs]
        reader = open_reader(spec, restoration)
        opened.append(reader)
        hosting.opening(reader)
        hosting.admit(reader.info)
        record = sidecar.begun(spec, chain, () if restoration is None else restoration.filters, hashes)
        folder = Path(evidence.folder)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"-evidence {folder}: {error.strerror}") from error
        maps = MapWriter(folder, evidence.maps, reader)
        opened.append(maps)
        working = OutputSpec(
            str(folder / sidecar.WORKING_COPY), video_codec="ffv1", video_options=LOSSLESS, format_options=SAME_FILE
        )
        viewing = spec.outputs[0]
        viewing = replace(viewing, format_options={**SAME_FILE, **viewing.format_options})
        writer = Fanout((viewing, working), reader, depth=spec.queue_depth)
    except BaseException:
        close_all(opened)
        fixed.end()
        raise
    return EvidenceJob(spec, evidence, reader, Witnessed(restoration, maps), writer, record, fixed, hosting)


def settled_stage(spec: JobSpec) -> tuple[tuple[FilterSpec, ...], Restoration | None]:
    """The chain with nothing left open, and its filters. Raises UsageError for filters that may invent."""
    chain = settling.settled(spec.filters)
    restoration = restore_stage(chain, DEVICE, exit_on_error=True, explain=True)
    if restoration is None:
        return chain, None
    try:
        if restoration.generative:
            raise UsageError(
                f"-evidence: {', '.join(restoration.generative)} may invent detail: its pictures are Reconstructed, "
                "not Restored, and never evidence; leave it out"
            )
        left = list(restoration.filters)
        chain = tuple(settling.with_tier(one, left.pop(0)) if one.name in FILTERS else one for one in chain)
    except BaseException:
        restoration.close()
        raise
    return chain, restoration
