"""Writes changes that were made over HTTP back to the configuration file, whose comments and order stay."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import AoT, Array, Table

from ....errors import OutputError, UsageError
from ....media.redact import redact
from .config import DaemonConfig, load
from .options import as_table, options_of
from .spec import FROM_HTTP, OutputConfig, StreamConfig, read_stream
from .toml_lines import TomlLines

log = logging.getLogger("streamfix.daemon")


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Names of streams that are another way than the file says: they end with the daemon."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def of(self, name: str) -> str:
        """ "added", "changed", or empty for a stream that is as in the file."""
        return "added" if name in self.added else "changed" if name in self.changed else ""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        parts = ((word, getattr(self, word)) for word in ("added", "changed", "removed"))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "nothing"


def unsaved(file: Sequence[StreamConfig], present: Sequence[StreamConfig]) -> Unsaved:
    """What a file would have to say anew."""
    before, now = ({stream.name: stream for stream in streams} for streams in (file, present))
    return Unsaved(
        added=tuple(name for name in now if name not in before),
        changed=tuple(name for name, stream in now.items() if name in before and before[name] != stream),
        removed=tuple(name for name in before if name not in now),
    )


def save(path: Path, file: DaemonConfig, present: Sequence[StreamConfig]) -> tuple[DaemonConfig, Path]:
    """Write the present streams to the file; returns the new configuration, and where the previous file is kept.

    file: the configuration as the file has it now. The file is replaced at once as a whole, after the new one was read
    again and says just that. Raises OutputError, UsageError; the file is then as it was.
    """
    real = Path(os.path.realpath(path))
    try:
        text = real.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(f"{path}: it cannot be read any more: {error}") from None
    written = rewritten(text, file, present)
    backup = real.with_name(f"{real.name}.bak")
    try:
        known = real.stat()
        with _new_file(real, known) as (new, shown):
            new.write(written.encode())
            new.flush()
            os.fsync(new.fileno())
            again = _read_again(shown, path)
            if again != replace(file, streams=again.streams) or unsaved(again.streams, present):
                raise UsageError(
                    f"{path}: it is written in a way that cannot be changed without changing what it says; "
                    "write each stream as a table headed [[streams]], or make the change there"
                )
            with _new_file(backup, known) as (old, shown_old):
                old.write(text.encode())
                old.flush()
                os.fsync(old.fileno())
                os.replace(shown_old, backup)
            os.replace(shown, real)
        _sync_folder(real.parent)
    except OSError as error:
        raise OutputError(f"{path}: it cannot be written: {error.strerror}; it is as it was") from None
    if known.st_mode & (stat.S_IRGRP | stat.S_IROTH) and _shows_passwords(file, present):
        log.warning("%s: it holds passwords in plain text now, and others may read it; see chmod 600", path)
    return again, backup


def rewritten(text: str, file: DaemonConfig, present: Sequence[StreamConfig]) -> str:
    """The file's text, changed so that it says what the streams are now. file: what it says before."""
    todo = unsaved(file.streams, present)
    text = _without(text, [i for i, stream in enumerate(file.streams) if stream.name in todo.removed])
    document = tomlkit.parse(text)
    tables = document.get("streams")
    fresh = tomlkit.aot() if tables is None else None
    tables = fresh if tables is None else tables
    if not isinstance(tables, AoT):
        if todo.added or todo.changed:
            raise UsageError("the streams of the file are no tables headed [[streams]]; write them so")
        return tomlkit.dumps(document)
    before, now = ({stream.name: stream for stream in streams} for streams in (file.streams, present))
    for table in tables:
        if (name := str(table.get("name"))) in todo.changed:
            _change(table, before[name], now[name], file.defaults)
    for name in todo.added:
        table = tomlkit.table()
        bare, *_ = read_stream({"name": name}, file.defaults)
        _change(table, replace(bare, name=""), now[name], file.defaults)
        if len(tables) and not tables[-1].as_string().endswith("\n\n"):
            tables[-1].add(tomlkit.nl())
        tables.append(table)
    if fresh:
        document["streams"] = fresh
    return tomlkit.dumps(document)


def _change(table: Table, before: StreamConfig, now: StreamConfig, defaults: Mapping[str, Any]) -> None:
    """Change what differs. An option that is as by default goes."""
    bare, *_ = read_stream({"name": now.name}, defaults)
    old, new, usual = as_table(before), as_table(now), as_table(bare)
    for key, option in options_of(StreamConfig).items():
        if old[key] == new[key]:
            continue
        if option.tables is not None:
            _change_outputs(table, key, old[key], new[key])
        elif option.merged:
            _change_mapping(table, key, {k: v for k, v in new[key].items() if usual[key].get(k) != v})
        elif not option.needed and new[key] in (usual[key], None):
            table.pop(key, None)
        else:
            table[key] = new[key]
    if now.foreign_parts:
        marks = tomlkit.array()
        marks.extend(now.foreign_parts)
        table[FROM_HTTP] = marks
        table[FROM_HTTP].comment("came over HTTP and may do less; see docs/daemon.md, security")
    else:
        table.pop(FROM_HTTP, None)


def _change_mapping(table: Table, key: str, wanted: Mapping[str, Any]) -> None:
    here = table.get(key)
    if here is None:
        if wanted:
            table[key] = _inline(wanted)
    elif not wanted and "#" not in here.as_string():
        table.pop(key)
    else:  # also an empty one: comments in it, or before the next header, stay
        for name in [name for name in here if name not in wanted]:
            del here[name]
        for name, value in wanted.items():
            if here.get(name) != value:
                here[name] = value


def _change_outputs(table: Table, key: str, old: Sequence[Any], new: Sequence[Any]) -> None:
    """Change the list where it differs, so that comments between other entries stay."""
    here = table.get(key)
    if not isinstance(here, Array) or len(here) != len(old):
        table[key] = tomlkit.array()
        here = table[key]
        old = []
        here.multiline(len(new) > 1)
    old_keys, new_keys = [repr(entry) for entry in old], [repr(entry) for entry in new]
    for what, i, j, k, m in reversed(SequenceMatcher(None, old_keys, new_keys, autojunk=False).get_opcodes()):
        if what == "equal":
            continue
        for at in reversed(range(i, j)):
            del here[at]
        for entry in reversed(new[k:m]):
            here.insert(i, _output(entry))


def _output(entry: Mapping[str, Any]) -> Any:
    usual = as_table(OutputConfig(""))
    wanted = {key: value for key, value in entry.items() if key == "url" or value != usual[key]}
    return entry["url"] if list(wanted) == ["url"] else _inline(wanted)


def _inline(value: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    for key, item in value.items():
        table[key] = _inline(item) if isinstance(item, Mapping) else item
    return table


def _without(text: str, gone: Sequence[int]) -> str:
    """The text without these tables of [[streams]]; comments between tables stay."""
    lines, places = text.split("\n"), TomlLines(text)
    for i in sorted(gone, reverse=True):
        first, end = places.span_of(("streams", i))
        while end > first and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        del lines[first:end]
    return "\n".join(lines)


def _read_again(written: str, path: Path) -> DaemonConfig:
    try:
        return load(Path(written))
    except UsageError as error:
        raise UsageError(f"it is as it was; written to it would be: {str(error).replace(written, str(path))}") from None


def _shows_passwords(file: DaemonConfig, present: Sequence[StreamConfig]) -> bool:
    todo = unsaved(file.streams, present)
    fresh = [stream for stream in present if todo.of(stream.name)]
    return any("${" not in text and redact(text) != text for stream in fresh for text in stream.texts())


@contextlib.contextmanager
def _new_file(beside: Path, like: os.stat_result) -> Any:
    """A new file with the rights of another, and its name; it goes again unless it was given another name."""
    name = str(beside.with_name(f".{beside.name}.{secrets.token_hex(4)}"))
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(PermissionError):  # of another user: it then is ours, with the same mode
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
            yield file, name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
