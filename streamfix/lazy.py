"""What is loaded when it is first used: public names of a package, and libraries that may not be there yet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` (PEP 562) of a package whose names are served on demand.

    package: its `__name__`; it has an `__all__`. modules: by public name the module that defines it, relative to the
    package; a name that is its own module is that module.
    `__getattr__` raises AttributeError that lists the public names where there is no such name.
    """

    def getattribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has: {', '.join(listed())}")
        module = import_module(f".{modules[name]}", package)
        value = module if modules[name] == name else getattr(module, name)
        vars(sys.modules[package])[name] = value  # the next use finds it without this function
        return value

    def listed() -> list[str]:
        return list(vars(sys.modules[package])["__all__"])

    return getattribute, listed


def if_loaded(name: str) -> ModuleType | None:
    """A module that has been imported by now; None where nobody has, or another thread is still at it.

    `sys.modules` alone has modules from the beginning of their import, when most of their names are missing.
    """
    module = sys.modules.get(name)
    # importlib's own mark, by which an import statement knows that it has to wait.
    unfinished = getattr(getattr(module, "__spec__", None), "_initializing", False)
    return None if unfinished else module
