"""Names for things a user may ask for. A class's keyword arguments are its options."""

from __future__ import annotations

import difflib
import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import BadOption, StreamfixError, UnknownName, UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One keyword argument: its name, what it takes, and its default."""

    name: str
    kind: Any
    default: Any

    @property
    def takes(self) -> str:
        """What may be written for it, for messages and help."""
        return _describe(self.kind)


class Registry(Generic[T]):
    """Maps a name to a class.

    kind: what is named, for messages ("filter").
    group: the entry-point group in which installed packages announce theirs;
    a package is imported only when its name is used.
    """

    def __init__(self, kind: str, group: str | None = None) -> None:
        self.kind = kind
        self._group = group
        self._classes: dict[str, type[T]] = {}
        self._announced: dict[str, EntryPoint] | None = None

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Class decorator: add the class under `name`."""

        def add(cls: type[T]) -> type[T]:
            known = self._classes.get(name)
            if known is not None and known is not cls:
                raise ValueError(f"{self.kind} {name!r} is already {known.__module__}.{known.__qualname__}")
            self._classes[name] = cls
            return cls

        return add

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._classes, *self._points()}))

    def __contains__(self, name: object) -> bool:
        return name in self._classes or name in self._points()

    def main_name(self, name: str) -> str:
        """The name that a class bears itself, where it is announced under several; else the name as it is."""
        points = self._points()
        point = points.get(name)
        if point is None:
            return name
        own = point.attr.rpartition(".")[2].lower()
        return own if own in points and points[own].value == point.value else name

    def get(self, name: str) -> type[T]:
        """The class of that name. Raises UnknownName with what there is, UsageError if its package does not load."""
        if name not in self._classes:
            point = self._points().get(name)
            if point is None:
                raise UnknownName(f"no {self.kind} {name!r}{_nearest(name, self)}; there are: {', '.join(self)}")
            try:
                self._classes[name] = point.load()
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever its module does when it is imported, SystemExit among it
                raise UsageError(
                    f"{self.kind} {name!r} is announced as {point.value} but does not load: {described(error)}"
                ) from error
        return self._classes[name]

    def options(self, name: str) -> dict[str, Option]:
        """The options of a class in the order it declares them. Raises as `get`, and if they cannot be read."""
        cls = self.get(name)
        if not isinstance(cls, type):
            raise UsageError(f"{self.kind} {name!r}: what is announced is no class, it is {cls!r}")
        try:
            hints = get_type_hints(cls.__init__, include_extras=True)
        except Exception as error:
            raise UsageError(f"{self.kind} {name!r}: its options cannot be read: {described(error)}") from error
        return {
            p.name: Option(p.name, hints.get(p.name, str), p.default)
            for p in inspect.signature(cls).parameters.values()
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }

    def create(self, name: str, options: Mapping[str, Any] | None = None, /) -> T:
        """Make one, with the options as `values` reads them.

        Raises UnknownName or BadOption, what it raises itself if that is a StreamfixError, or UsageError that names it.
        """
        values = self.values(name, options)
        try:
            return self.get(name)(**values)
        except BadOption as error:
            main, text = self.main_name(name), str(error)
            if main == name or not text.startswith(f"{main}="):
                raise
            raise BadOption(name + text.removeprefix(main)) from error  # what the user wrote
        except (StreamfixError, MemoryError):
            raise
        except Exception as error:
            given = ":".join(f"{key}={value}" for key, value in values.items())
            raise UsageError(
                f"{self.kind} {name!r} cannot be made{f' with {given}' if given else ''}: {described(error)}"
            ) from error

    def values(self, name: str, options: Mapping[str, Any] | None = None, /) -> dict[str, Any]:
        """Read the options for one by their names. Text is parsed by the annotation of the argument it is for.

        The keys "0", "1", ... stand for the options in their order, as in `model=net.pth`.
        Raises UnknownName, or BadOption naming the option and what it takes.
        """
        known = self.options(name)
        values = {}
        for key, value in (options or {}).items():
            if key.isdigit() and int(key) < len(known):
                key = list(known)[int(key)]
            if key not in known:
                raise BadOption(
                    f"{name} has no option {key!r}{_nearest(key, known)}; it has: {', '.join(known) or 'none'}"
                )
            if key in values:
                raise BadOption(f"{name}: option {key!r} is given twice")
            values[key] = parse_value(f"{name}={key}", value, known[key].kind)
        missing = [k for k, o in known.items() if o.default is inspect.Parameter.empty and k not in values]
        if missing:
            raise BadOption(f"{name} needs {missing[0]}, as in {name}={missing[0]}=VALUE")
        return values

    def _points(self) -> dict[str, EntryPoint]:
        if self._announced is None:
            found = entry_points(group=self._group) if self._group else ()
            self._announced = {point.name: point for point in found}
        return self._announced


def described(error: BaseException) -> str:
    """What a package raised, for a message that names the package."""
    text = " ".join(str(error).split())
    if isinstance(error, ImportError | AttributeError):
        return text
    return f"it raised {type(error).__name__}" + (f": {text}" if text else "")


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text option that takes one of some words, to which packages may add: `Annotated[str, OneOf(names)]`.

    words: gives them. Where they are fixed, `Literal` says them.
    """

    words: Callable[[], Iterable[str]]


def choices(kind: Any) -> set[str]:
    """The words that an annotation offers, as `float | Literal["auto"]` does."""
    found: set[str] = set()
    for part in get_args(kind):
        found |= {part} if isinstance(part, str) else set(part.words()) if isinstance(part, OneOf) else choices(part)
    return found


def parse_value(where: str, text: Any, kind: Any) -> Any:
    """Read option text by type annotation: int, float, bool, str, Literal, OneOf, and unions of these with None.

    Raises BadOption naming `where`, the text and what is taken instead.
    """
    if not isinstance(text, str):
        return text
    for candidate in _alternatives(kind):
        try:
            return _parse_as(text, candidate)
        except ValueError:
            continue
    raise BadOption(f"{where}: {text!r} is not {_describe(kind)}")


def _alternatives(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) in (Union, types.UnionType):
        # Words before numbers, and str last: it takes everything.
        return tuple(sorted(get_args(kind), key=lambda k: (k is str, not _is_literal(k))))
    return (kind,)


def _is_literal(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is Literal


def _one_of(kind: Any) -> OneOf | None:
    """What marks the annotation, None if nothing does."""
    return next((mark for mark in getattr(kind, "__metadata__", ()) if isinstance(mark, OneOf)), None)


def _parse_as(text: str, kind: Any) -> Any:
    if mark := _one_of(kind):
        if text in mark.words():
            return text
        raise ValueError(text)
    if _is_literal(kind):
        for choice in get_args(kind):
            if text == str(choice):
                return choice
        raise ValueError(text)
    if kind in (None, type(None)):
        if text.lower() in ("none", ""):
            return None
        raise ValueError(text)
    if kind is bool:
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ValueError(text)
    if kind is float and text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ValueError(text)
    return kind(text) if callable(kind) else text


def _describe(kind: Any) -> str:
    if mark := _one_of(kind):
        return " or ".join(mark.words())
    if _is_literal(kind):
        return " or ".join(str(choice) for choice in get_args(kind))
    words = {int: "a whole number", float: "a number", bool: "0 or 1", str: "text", type(None): "none"}
    if kind in words:
        return words[kind]
    return " or ".join(_describe(k) for k in get_args(kind)) or getattr(kind, "__name__", str(kind))


def _nearest(name: str, names: Any) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
