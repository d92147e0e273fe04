"""Every law of `laws`, over every filter that was asked for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection
from functools import partial

import pytest

from ..chainspec import FilterSpec, parse_chain
from ..filters.base import FILTERS
from .laws import LAWS, Make

Marks = pytest.MarkDecorator | Collection[pytest.MarkDecorator]


def chosen(config: pytest.Config) -> list[FilterSpec]:
    """The filters that `--filter` or STREAMFIX_CONFORMANCE names, else all that can be made without options."""
    text = config.getoption("--filter", default=None) or os.environ.get("STREAMFIX_CONFORMANCE")
    if text:
        return parse_chain(text)
    return [FilterSpec(name) for name in FILTERS if name == FILTERS.main_name(name) and _needs_nothing(name)]


def _needs_nothing(name: str) -> bool:
    return all(option.default is not inspect.Parameter.empty for option in FILTERS.options(name).values())


def pytest_generate_tests(metafunc: pytest.Metafunc, marks: Callable[[FilterSpec], Marks] = lambda spec: ()) -> None:
    """Each law over each filter. marks: those of a filter's tests."""
    makers = [
        pytest.param(
            partial(FILTERS.create, spec.name, spec.options),
            id=f"{spec.name}={spec.arguments}" if spec.arguments else spec.name,
            marks=marks(spec),
        )
        for spec in chosen(metafunc.config)
    ]
    metafunc.parametrize("law", LAWS)
    metafunc.parametrize("make", makers)


def test_law(make: Make, law: str) -> None:
    LAWS[law](make)
