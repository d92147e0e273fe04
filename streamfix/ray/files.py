"""`streamfix.ray.restore_files`: what `streamfix cluster restore` does, for Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from ..chainspec import parse_chain
from ..jobs import JobSpec
from ..library import output_spec
from ..media.specs import InputSpec
from . import work
from .report import Report
from .restoring import Progress, Run
from .work import Options


def restore_files(
    inputs: str | Sequence[str],
    output_folder: str,
    filters: str = "",
    *,
    address: str = "auto",
    segments_s: float | None = None,
    cores: int = 2,
    resume: bool = False,
    overwrite: bool = False,
    carry: bool = False,
    device: str = "auto",
    ending: str | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    **options: Any,
) -> Report:
    """Restore files on the nodes of a Ray cluster; the same as `streamfix cluster restore`.

        streamfix.ray.restore_files("in/*.mp4", "out", "denoise", segments_s=60, crf=20)

    inputs: paths, folders, patterns, or URLs of object storage as fsspec takes them. address: see `streamfix cluster`.
    segments_s: cut files into segments of so many seconds, which are restored at the same time.
    cores: of each worker. options: as for `streamfix.restore`.
    A file that cannot be restored is in the report, with the reason.
    Raises a StreamfixError for what can be known before work begins, or if no worker is left.
    """
    chain = tuple(parse_chain(filters)) if filters else ()

    def spec_of(input: str, output: str) -> JobSpec:
        spec = output_spec(output, overwrite, options)
        return JobSpec((InputSpec(input),), (spec,), chain, device=device)

    patterns = [inputs] if isinstance(inputs, str) else list(inputs)
    every_s = None if segments_s is None else Fraction(segments_s).limit_denominator(1000)
    wanted = Options(address, every_s, cores=cores, carry=carry, resume=resume, overwrite=overwrite)
    items = work.items_of(patterns, output_folder, spec_of, ending)
    return Run(items, output_folder, wanted, on_progress).run()
