"""The option `--filter`, and readable failures for the laws."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("streamfix.conformance.laws")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--filter",
        default=None,
        metavar="CHAIN",
        help="filters to test, as in -vf: name=option=value,name2 (default: all that need no option)",
    )
