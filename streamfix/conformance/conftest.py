"""Readable failures for the laws."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("streamfix.conformance.laws")
