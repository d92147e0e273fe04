"""Every law of `laws`, over every filter that was asked for."""

from __future__ import annotations

import inspect
import os
from functools import partial

import pytest

from ..chainspec import FilterSpec, parse_chain
from ..filters.base import FILTERS
from .laws import LAWS, Make


def chosen(config: pytest.Config) -> list[FilterSpec]:
    """The filters that `--filter` or STREAMFIX_CONFORMANCE names, else all that can be made without options."""
    text = config.getoption("--filter", default=None) or os.environ.get("STREAMFIX_CONFORMANCE")
    if text:
        return parse_chain(text)
    return [FilterSpec(name) for name in FILTERS if _needs_nothing(name)]


def _needs_nothing(name: str) -> bool:
    return all(option.default is not inspect.Parameter.empty for option in FILTERS.options(name).values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    specs = chosen(metafunc.config)
    makers = [partial(FILTERS.create, spec.name, spec.options) for spec in specs]
    ids = [f"{s.name}={s.arguments}" if s.arguments else s.name for s in specs]
    metafunc.parametrize("law", LAWS)
    metafunc.parametrize("make", makers, ids=ids)


def test_law(make: Make, law: str) -> None:
    LAWS[law](make)
