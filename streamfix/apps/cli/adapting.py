"""`streamfix train adapt`: teach a filter's network from one camera's own footage."""

from __future__ import annotations

import argparse
import logging
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import torch

from ... import __version__
from ...adaptation import adapt as adaptation
from ...adaptation import versions
from ...adaptation.lesson import Adaptable
from ...errors import BadOption, ModelError, OutputError, UsageError
from ...media.specs import InputSpec
from ...training import RECIPES
from .values import parse_duration

_log = logging.getLogger("streamfix")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix train adapt`."""
    parser.add_argument("--input", metavar="FILE|URL", help="a recording or a live stream of the camera")
    parser.add_argument("--base", default="denoise:s", help="filter and tier to begin with (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="file for the weights, such as cam1.safetensors")
    parser.add_argument("--back", action="store_true", help="put the weights before the present ones in their place")
    parser.add_argument("-ss", dest="start", metavar="TIME", help="begin there, as in ffmpeg")
    parser.add_argument(
        "--frames", type=int, default=adaptation.FRAMES, help="frames to learn from (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads to learn with (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is learnt in which order (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Adapt, and write the weights if they are better; 1 if they are not. Raises a StreamfixError."""
    out: Path = arguments.out
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: the file of weights is to end in .safetensors")
    if arguments.back:
        _log.info("%s: back to the weights %s", out, versions.back(out)[:12])
        return 0
    if arguments.input is None:
        raise UsageError("--input is missing: give a recording or the URL of the camera")
    for name, least in (("frames", adaptation.NEEDED), ("threads", 1)):
        if getattr(arguments, name) < least:
            raise BadOption(f"--{name} {getattr(arguments, name)}: it takes {least} or more")
    if not out.absolute().parent.is_dir():
        raise OutputError(f"--out {out}: there is no folder {out.absolute().parent}; make it first")
    recipe, tier = _base(arguments.base)
    base, digest = recipe.store.load(tier)
    torch.set_num_threads(arguments.threads)
    spec = InputSpec(arguments.input, start_s=_time(arguments.start))
    found = adaptation.adapt(spec, recipe, base, arguments.frames, arguments.seed)
    told = (
        f"noise {found.noise.sigma * 255:.1f} codes, {min(found.noise.ratio, 1):.0%} of it new; on footage it has not "
        f"learnt from luma {found.gain_y:+.2f} dB, chroma {found.gain_uv:+.2f} dB (estimated)"
    )
    if not found.better:
        _log.warning("%s: nothing is written, the shipped weights serve this camera as well: %s", spec.shown, told)
        return 1
    facts = {
        "base": arguments.base,
        "base_sha256": digest,
        "input": spec.shown,
        "frames": str(arguments.frames),
        "gain_y_db": f"{found.gain_y:.3f}",
        "gain_uv_db": f"{found.gain_uv:.3f}",
        "noise_codes": f"{found.noise.sigma * 255:.2f}",
        "moved": f"{found.moved:.4f}",
        "seed": str(arguments.seed),
        "streamfix": __version__,
    }
    new = versions.keep(out, found.network, facts)
    _log.info("%s: weights %s, for %s=weights=%s: %s", out, new[:12], arguments.base.partition(":")[0], out, told)
    _quantise(out, recipe, found, base, new)
    return 0


def _base(text: str) -> tuple[Adaptable, str]:
    task, _, tier = text.partition(":")
    recipe = RECIPES.create(task, {"tier": tier} if tier else {})
    if not isinstance(recipe, Adaptable):
        raise UsageError(f"--base {text}: the network of {task} cannot be adapted; denoise:s and denoise:xs can")
    return recipe, recipe.store.choose(tier or "auto", torch.device("cpu"))


def _quantise(out: Path, recipe: Adaptable, found: adaptation.Outcome, base: torch.nn.Module, digest: str) -> None:
    """The int8 graph of new weights beside them, as the shipped ones have it; without NNCF they run in bf16 or fp32."""
    graph = versions.graph_of(out)
    graph.unlink(missing_ok=True)
    if find_spec("nncf") is None:
        _log.info('%s: no int8 graph, these weights run slower; for one: pip install "streamfix[quantise]"', out)
        return
    try:
        adaptation.quantise(graph, recipe, found, base, digest)
    except ModelError as error:
        _log.warning("%s: no int8 graph, these weights run slower: %s", out, error)


def _time(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadOption(f"-ss {text}: {error}") from error
