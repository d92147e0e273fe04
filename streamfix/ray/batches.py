"""Restores the clips of a Ray dataset: one row is one clip, and one actor restores all of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import cores as own_cores
from ..chainspec import parse_chain
from ..devices import cpu
from ..errors import BadOption, StreamfixError, UsageError
from ..jobs import Hosting, JobSpec, build_job, check_chain
from ..jobs.pool import FilterPool
from ..library import output_spec
from ..media.specs import InputSpec
from ..stream import Stream
from .connection import loaded


def restore_batches(
    dataset: Any,
    filters: str,
    *,
    column: str = "frames",
    error_column: str = "error",
    ending: str = ".mp4",
    cores: int = 2,
    workers: int | tuple[int, int] | None = None,
    device: str = "auto",
    **options: Any,
) -> Any:
    """A Ray dataset with its clips restored: each row is one clip, of which the frames belong together.

        import ray, streamfix.ray

        clips = ray.data.read_binary_files("s3://bucket/clips/")  # rows with a column "bytes"
        restored = streamfix.ray.restore_batches(clips, "denoise", column="bytes", crf=18)
        restored.write_parquet("s3://bucket/restored/")

    dataset: of `ray.data`. column: of the clips, which come back in it: arrays (T, H, W, 3) uint8 R'G'B' as arrays of
    the filters' size; bytes of a video file as bytes of one; paths of files as such bytes, too.
    error_column: is added: why a clip could not be restored, which then stays as it was; "" where it was.
    ending: of the files that are made. cores: of each actor, and threads that it uses, so that the size of a node
    changes nothing. workers: how many actors, or the least and the most of them; by default as many as find room.
    device: "cpu", "cuda", or "auto" for a GPU if the cluster has one. options: as for `streamfix.restore`, for files.
    Nothing is computed before the dataset is consumed. Raises UsageError for a wrong chain, or if Ray is not installed.
    """
    ray = loaded()
    chain = parse_chain(filters) if filters else []
    check_chain(chain)
    output_spec(f"clip{ending}", True, options)
    if cores < 1:
        raise BadOption(f"cores={cores}: it takes a whole number of at least 1")
    gpu = device.startswith("cuda") or (device == "auto" and ray.is_initialized() and _has_gpu(ray))
    return dataset.map(
        ClipRestorer,
        fn_constructor_args=(filters, column, error_column, ending, cores, "cuda" if gpu else "cpu", options),
        compute=ray.data.ActorPoolStrategy(**_size(workers)),
        num_cpus=cores,
        **({"num_gpus": 1} if gpu else {}),
    )


class ClipRestorer:
    """What one actor does with a row. The arguments are those of `restore_batches`."""

    def __init__(
        self,
        filters: str,
        column: str,
        error_column: str,
        ending: str,
        cores: int,
        device: str,
        options: Mapping[str, Any],
    ) -> None:
        own_cores.limit(cores)
        cpu.share_cores(1)
        self._filters, self._column, self._error_column = filters, column, error_column
        self._ending, self._device, self._options = ending, device, {"threads": 1, **options}
        self._pool = FilterPool(device)
        self._kept = Stream(filters, live=False, device=device, pool=self._pool)  # keeps the weights from row to row

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with its clip restored."""
        if self._column not in row:
            raise UsageError(f"column={self._column!r}: the dataset has the columns {', '.join(row)}")
        clip = row[self._column]
        try:
            return {**row, self._column: self._restored(clip), self._error_column: ""}
        except StreamfixError as error:
            return {**row, self._column: clip, self._error_column: " ".join(str(error).split())}

    def _restored(self, clip: Any) -> Any:
        if isinstance(clip, np.ndarray):
            return self._array(clip)
        if isinstance(clip, bytes | str):
            return self._file(clip)
        raise UsageError(
            f"column={self._column!r} holds a {type(clip).__name__}; clips are arrays (T, H, W, 3) uint8, bytes of a "
            "video file, or its path"
        )

    def _array(self, clip: NDArray[Any]) -> NDArray[np.uint8]:
        if clip.ndim != 4 or clip.shape[-1] != 3 or clip.dtype != np.uint8:
            raise UsageError(
                f"column={self._column!r} holds an array {clip.shape} of {clip.dtype}; a clip is (T, H, W, 3) uint8"
            )
        with Stream(self._filters, format="rgb24", live=False, device=self._device, pool=self._pool) as stream:
            frames = [frame for picture in clip for frame in stream.push(picture)]
            frames += stream.flush()
        return np.stack([frame.array("rgb24") for frame in frames]) if frames else clip

    def _file(self, clip: bytes | str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="streamfix-") as folder:
            source = clip if isinstance(clip, str) else os.path.join(folder, "clip")
            if isinstance(clip, bytes):
                Path(source).write_bytes(clip)
            out = os.path.join(folder, f"restored{self._ending}")
            spec = JobSpec(
                (InputSpec(source, thread_count=1),),
                (output_spec(out, True, self._options),),
                tuple(parse_chain(self._filters)) if self._filters else (),
                device=self._device,
            )
            build_job(spec, Hosting(pool=self._pool)).run()
            return Path(out).read_bytes()


def _has_gpu(ray: Any) -> bool:
    return bool(ray.cluster_resources().get("GPU", 0) >= 1)


def _size(workers: int | tuple[int, int] | None) -> dict[str, int]:
    if isinstance(workers, int):
        return {"size": workers}
    least, most = workers or (1, None)
    return {"min_size": least} if most is None else {"min_size": least, "max_size": most}
