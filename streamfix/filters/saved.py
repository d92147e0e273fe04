"""States of filters as bytes and back: arrays and plain values, and nothing that could run when it is read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError

_ARRAY = "streamfix-array"  # the key that stands for an array in the text
_TEXT = "values"  # the entry of the archive that holds everything but arrays


def packed(state: Mapping[str, Any]) -> bytes:
    """The state as a NumPy archive (.npz). Raises FilterError for what is neither an array nor a plain value."""
    arrays: dict[str, NDArray[Any]] = {}
    text = json.dumps(_without_arrays(state, arrays, "state"), allow_nan=True)
    file = io.BytesIO()
    np.savez(file, **{_TEXT: np.frombuffer(text.encode(), np.uint8)}, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def unpacked(data: bytes) -> dict[str, Any]:
    """The state that `packed` was given, tuples as lists. Raises FilterError if the bytes are damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        found = _with_arrays(json.loads(arrays.pop(_TEXT).tobytes()), arrays)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FilterError(f"a filter's saved state is damaged: {error}") from error
    assert isinstance(found, dict)
    return found


def _without_arrays(value: Any, arrays: dict[str, NDArray[Any]], place: str) -> Any:
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        name = f"a{len(arrays)}"
        arrays[name] = np.asarray(value)
        return {_ARRAY: name, "scalar": isinstance(value, np.generic)}
    if isinstance(value, Mapping):
        return {_key(k, place): _without_arrays(v, arrays, f"{place}[{k!r}]") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(v, arrays, f"{place}[{i}]") for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise FilterError(
        f"{place} is a {type(value).__name__}; save_state gives NumPy arrays, numbers, strings, booleans and None, in "
        "lists and mappings"
    )


def _key(key: object, place: str) -> str:
    if not isinstance(key, str) or key == _ARRAY:
        raise FilterError(f"{place} has the key {key!r}; the keys of what save_state gives are strings")
    return key


def _with_arrays(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        array = arrays[value[_ARRAY]]
        return array[()] if value["scalar"] else array
    return {k: _with_arrays(v, arrays) for k, v in value.items()}
