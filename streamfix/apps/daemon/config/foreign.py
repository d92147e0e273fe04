"""Which of a stream's options came over HTTP: they may do less than the operator's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .options import options_of
from .spec import StreamConfig


def marked_foreign(stream: StreamConfig, names: Any) -> StreamConfig:
    """The stream with its options marked that came over HTTP before they were written to the file.

    names: as in `over_http`, see `StreamConfig.foreign_parts`. Raises ValueError for what is no such list.
    """
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError('it takes a list of options, as in ["input", "outputs[0]"]')
    known = [one.name for one in options_of(StreamConfig).values()]
    outputs = {f"outputs[{i}]": i for i in range(len(stream.outputs))}
    for name in names:
        if name not in outputs and (name.partition(".")[0] not in known or name == "outputs"):
            raise ValueError(f"{name!r} is no option of this stream that could have come over HTTP")
    marked = {outputs[name] for name in names if name in outputs}
    return replace(
        stream,
        outputs=tuple(replace(output, foreign=i in marked) for i, output in enumerate(stream.outputs)),
        foreign=frozenset(name for name in names if name not in outputs) | ({"outputs"} if marked else set()),
    )


def foreign_parts(stream: StreamConfig, own: Mapping[str, Any], known: StreamConfig | None) -> dict[str, Any]:
    """What to replace in a stream that came over HTTP, to mark the options that did not come from the operator.

    own: the options that it sets itself. known: the stream that it replaces.
    """
    trusted = [o for o in known.outputs if not o.foreign] if known else []
    outputs = (
        tuple(replace(o, foreign=o not in trusted) for o in stream.outputs) if "outputs" in own else stream.outputs
    )
    tables = {one.name for one in options_of(StreamConfig).values() if one.merged}
    given = {name for name in own if name not in tables} | {f"{t}.{k}" for t in tables for k in own.get(t, {})}
    kept = known.foreign if known else frozenset()
    foreign = {name for name in given if known is None or name in kept or _at(known, name) != _at(stream, name)}
    return {"outputs": outputs, "foreign": frozenset(foreign)}


def _at(stream: StreamConfig, name: str) -> Any:
    """An option's value, or that of a table's entry, as in input_options.timeout."""
    field, dot, key = name.partition(".")
    return getattr(stream, field).get(key) if dot else getattr(stream, field)
