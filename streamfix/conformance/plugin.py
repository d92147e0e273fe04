"""The option `--filter` of pytest, for those who ask for it with `-p streamfix.conformance.plugin`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--filter",
        default=None,
        metavar="CHAIN",
        help="filters to test, as in -vf: name=option=value,name2 (default: all that need no option)",
    )
