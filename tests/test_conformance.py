"""Every filter that is installed keeps the laws: the suite a plugin's author runs, run on ours."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from streamfix import FILTERS
from streamfix.chainspec import parse_chain
from streamfix.conformance.laws import LAWS
from streamfix.conformance.test_filter import pytest_generate_tests as generate
from streamfix.conformance.test_filter import test_law as test_law

# Where OpenVINO is installed, `denoise` chooses it: each way to run a network keeps the laws.
BACKENDS = ("denoise=backend=torch:precision=fp32", "denoise=backend=openvino:precision=fp32", "denoise=precision=int8")


# Filters without a network, which are quick. A network keeps each law in `make check` on one backend, below.
QUICK = {"deblur", "edge", "lowlight", "smooth"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "law" in metafunc.fixturenames:
        generate(metafunc, lambda spec: () if spec.name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("rule", LAWS)
@pytest.mark.parametrize("chain", [BACKENDS[0], *(pytest.param(b, marks=pytest.mark.slow) for b in BACKENDS[1:])])
def test_every_backend_keeps_the_laws(chain: str, rule: str) -> None:
    if "torch" not in chain:
        pytest.importorskip("openvino", reason="the extra openvino is not installed")
    (spec,) = parse_chain(chain)
    LAWS[rule](partial(FILTERS.create, spec.name, spec.options))


ROOT = Path(__file__).parent.parent


def test_our_filters_are_found_like_a_strangers() -> None:
    try:
        version("streamfix")
    except PackageNotFoundError:
        pytest.skip("streamfix is not installed, so nothing announces its filters")
    assert {"edge", "model", "smooth"} <= set(FILTERS)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["option", "variable"])
def test_the_suite_runs_from_anywhere(tmp_path: Path, way: str) -> None:
    chain = "edge=0.3:mode=detail"
    option = ["-p", "streamfix.conformance.plugin", "--filter", chain] if way == "option" else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])}
    if way == "variable":
        environment["STREAMFIX_CONFORMANCE"] = chain
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--pyargs", "streamfix.conformance", "-v", "-k", "documented", *option],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{chain}] PASSED" in done.stdout
    assert "1 passed" in done.stdout
