"""Options of the configuration: each is declared once, as a field of a dataclass.

A field is an option when its annotation holds a pydantic `Field`, as `option` makes it:

    max_latency_s: Annotated[Seconds, option("Latency allowed", "From a picture's arrival to its output.")] = 0.2

Everything else follows from it: the key in TOML and JSON, errors with their place, the OpenAPI document, the page's
form, and how the value is written down again. A field without `option`, such as a stream's `foreign`, cannot be set.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ....media.redact import redact, redact_options
from .problems import Problems, TomlPlace
from .values import Refers

Schema = dict[str, Any]

_KNOWN: dict[type[Any], Mapping[str, StreamOption]] = {}
WRONG: Any = object()  # stands for a value that could not be read; its problem has been noted

# Our words for what pydantic itself finds wrong; the functions of `values` word everything else.
_TAKES = {
    "tuple_type": "it takes a list, in brackets",
    "too_short": "it takes a list of one entry or more, in brackets",
    "dict_type": "it takes a table of names and values",
}


def option(
    label: str,
    help: str,
    *,
    group: str = "",
    choices: Mapping[str, str] | None = None,
    needed: str = "",
    empty: str = "",
    suggestions: Sequence[str] = (),
    **more: Any,
) -> Any:
    """Make the metadata of an option.

    label, help: what the page's form calls it and says of it; the OpenAPI document has the same.
    group: the part of the form that holds it; "" is the part that always shows. choices: what the form calls each
    value. needed: what the form says where a required value is missing. empty: what happens where nothing is set and
    there is no default, in a few words. suggestions: usual values. more: see pydantic's `Field`.
    """
    extra: Schema = {"x-group": group}
    extra |= {"x-choices": [list(pair) for pair in choices.items()]} if choices else {}
    extra |= {"x-needed": needed} if needed else {}
    extra |= {"x-empty": empty} if empty else {}
    extra |= {"x-suggestions": list(suggestions)} if suggestions else {}
    return Field(title=label, description=help, json_schema_extra=extra, **more)


@dataclass(frozen=True, slots=True)
class StreamOption:
    """One option. name: of the dataclass's field. key: its name in TOML and JSON.

    values: reads, writes and describes its values. tables: the dataclass of its entries if it is a list of tables.
    refers: its texts may refer to secrets. default: MISSING where it must be given.
    """

    name: str
    key: str
    info: FieldInfo
    values: TypeAdapter[Any]
    tables: type[Any] | None
    refers: bool
    default: Any

    @property
    def needed(self) -> bool:
        """True if it must be given."""
        return self.default is dataclasses.MISSING

    @property
    def merged(self) -> bool:
        """True for a table of names and values: a stream's table adds to that of [defaults] and does not replace it."""
        return isinstance(self.default, Mapping)


def options_of(kind: type[Any]) -> Mapping[str, StreamOption]:
    """The options of a dataclass, by key, in the order of its fields."""
    known = _KNOWN.get(kind)
    if known is None:
        known = _KNOWN[kind] = _found_in(kind)
    return known


def _found_in(kind: type[Any]) -> Mapping[str, StreamOption]:
    hints = get_type_hints(kind, include_extras=True)
    found: dict[str, StreamOption] = {}
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        metadata = hint.__metadata__ if get_origin(hint) is Annotated else ()
        info = next((m for m in metadata if isinstance(m, FieldInfo)), None)
        if info is None:
            continue
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        inner: type[Any] | None = next((t for t in get_args(get_args(hint)[0]) if _has_options(t)), None)
        refers = any(isinstance(m, Refers) for m in metadata)
        key = field.name.removesuffix("_s")  # a time says its own unit, as in "200ms"
        found[key] = StreamOption(field.name, key, info, TypeAdapter(hint), inner, refers, default)
    return found


def _has_options(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


# -- reading


def read_table(
    kind: type[Any], place: TomlPlace, given: Any, problems: Problems, without: Sequence[str] = ()
) -> dict[str, Any]:
    """Read a table: all values that are right, by the name of their field. Null leaves an option out.

    problems: receives everything that is wrong. without: keys that do not exist here.
    """
    if not isinstance(given, Mapping):
        problems.wrong(place, given, "it takes a table")
        return {}
    known = {key: option for key, option in options_of(kind).items() if key not in without}
    found = {}
    for key, value in given.items():
        if key not in known:
            problems.unknown((*place, key), value, known)
        elif value is not None and (read := _read(known[key], (*place, key), value, problems)) is not WRONG:
            found[known[key].name] = read
    return found


def _read(option: StreamOption, place: TomlPlace, value: Any, problems: Problems) -> Any:
    if option.tables is not None and isinstance(value, list | tuple) and value:
        return tuple(_read_entry(option.tables, (*place, i), entry, problems) for i, entry in enumerate(value))
    try:
        return option.values.validate_python(value)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    for found in errors:
        said = found.get("ctx", {}).get("error")
        text = str(said) if said is not None else _TAKES.get(found["type"], found["msg"])
        problems.wrong((*place, *found["loc"]), found["input"], text)
    wrong = {found["loc"][0] for found in errors if found["loc"]}
    if isinstance(value, Mapping) and wrong:  # the rest can be checked further
        return option.values.validate_python({k: v for k, v in value.items() if k not in wrong})
    return WRONG


def _read_entry(kind: type[Any], place: TomlPlace, value: Any, problems: Problems) -> Any:
    """Read an entry of a list of tables: a table, or just the value of its one required option.

    Where that value is wrong it is left empty, so that the rest of the entry can be checked.
    """
    (needed,) = (option for option in options_of(kind).values() if option.needed)
    empty = {needed.name: ""}
    if isinstance(value, str):
        read = _read(needed, place, value, problems)
        return kind(**empty) if read is WRONG else kind(**{needed.name: read})
    if not isinstance(value, Mapping):
        example = f'{{{needed.key} = "..."}}'
        problems.wrong(place, value, f"it takes a {needed.info.title}, or a table, as in {example}")
        return kind(**empty)
    found = read_table(kind, place, value, problems)
    if value.get(needed.key) is None:
        problems.missing(place, f'it has no {needed.key}; give {needed.key} = "..."')
    return kind(**{**empty, **found})


# -- writing down


def as_table(made: Any, *, redacted: bool = False) -> dict[str, Any]:
    """Write a dataclass with options down as TOML and JSON have it; `read_table` reads the same values again.

    redacted: hide credentials in texts and options; such a table is for showing only.
    """
    table = {}
    for key, option in options_of(type(made)).items():
        value = getattr(made, option.name)
        if option.tables is not None:
            table[key] = [as_table(entry, redacted=redacted) for entry in value]
        else:
            written = option.values.dump_python(value, mode="json")
            table[key] = _hidden(written) if redacted else written
    return table


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return redact_options(value)
    return [_hidden(item) for item in value] if isinstance(value, list) else value


def texts(made: Any) -> Iterator[str]:
    """Every text of a dataclass with options that may refer to a secret."""
    for option in options_of(type(made)).values():
        value = getattr(made, option.name)
        if option.tables is not None:
            for entry in value:
                yield from texts(entry)
        elif option.refers:
            yield from value.values() if isinstance(value, Mapping) else (value,)


# -- describing


def schema_of(kind: type[Any], *, partial: bool = False, without: Sequence[str] = ()) -> Schema:
    """The JSON schema of a table of options; null stands for an option's default. partial: no option is required."""
    properties, needed = {}, []
    for key, option in options_of(kind).items():
        if key in without:
            continue
        schema = _schema(option)
        if option.needed and not partial:
            needed.append(key)
        else:
            schema = _or_null(schema)
        if not option.needed and option.default is not None:
            schema["default"] = option.values.dump_python(option.default, mode="json")
        properties[key] = schema
    found: Schema = {"type": "object", "properties": properties}
    found |= {} if partial else {"additionalProperties": False}
    return {**found, "required": needed} if needed else found


def _schema(option: StreamOption) -> Schema:
    if option.tables is None:
        return option.values.json_schema(mode="validation")
    info = option.info
    entry: Schema = {"anyOf": [{"type": "string"}, schema_of(option.tables)]}
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return {
        "type": "array",
        "items": entry,
        "minItems": 1,
        "title": info.title,
        "description": info.description,
        "examples": info.examples,
        **extra,
    }


def _or_null(schema: Schema) -> Schema:
    """The schema, extended to take null; label, help and the like stay at its top level."""
    if any(part.get("type") == "null" for part in schema.get("anyOf", ())):
        return schema
    said = {k: v for k, v in schema.items() if k in ("title", "description", "examples") or k.startswith("x-")}
    rest = {k: v for k, v in schema.items() if k not in said}
    return {"anyOf": [*(rest["anyOf"] if set(rest) == {"anyOf"} else [rest]), {"type": "null"}], **said}
