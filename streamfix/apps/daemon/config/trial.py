"""Tries what a configuration says without starting it: filters with their models, encoders, containers, folders.

No camera and no server is asked, and nothing is written: what is found wrong would be wrong with any camera.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ....chainspec import parse_chain
from ....errors import InputError, StreamfixError
from ....frame import VideoInfo
from ....jobs import split_privacy
from ....jobs.trial import check_device, try_chain, try_filters
from ....media.input.options import check_demuxer, check_option
from ....media.redact import redact_options
from ....pipeline import Closable, close_all
from ..access.auth import check_exposure
from ..access.location import split, usual_demuxer
from ..access.secrets import Secrets, masked
from ..access.urls import Allowed
from ..notices.mqtt import check_mqtt
from ..notices.webhook import check_webhook
from .checking import check_stream
from .config import DaemonConfig, load
from .findings import Findings, noted
from .output_trial import OutputTrial, check_carrier
from .problems import ConfigError, Problem, TomlPlace
from .spec import StreamConfig

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool


@dataclass(frozen=True, slots=True)
class Ground:
    """What a trial stands on.

    pool: lends the filters, None makes each anew. info: of the stream's input, if it is known.
    """

    secrets: Secrets
    allowed: Allowed
    device: str = "auto"
    pool: Callable[[], FilterPool | None] = lambda: None
    info: VideoInfo | None = None


def try_stream(stream: StreamConfig, ground: Ground) -> Closable:
    """Raise ConfigError with all that keeps a stream from running; else return the filters that were made for it.

    Whoever starts the stream closes them once it has its own: until then they are not loaded twice.
    """
    trial = _Trial(stream, ground)
    try:
        trial.form()
        if trial.findings.problems and (stream.foreign or any(output.foreign for output in stream.outputs)):
            raise ConfigError(trial.findings.problems)  # what came over HTTP and may not be is not tried
        trial.input()
        trial.filters()
        trial.outputs()
        if trial.findings.problems:
            raise ConfigError(list(dict.fromkeys(trial.findings.problems)))
    except BaseException:
        trial.made.close()
        raise
    return trial.made


def daemon_problems(config: DaemonConfig, secrets: Secrets) -> list[Problem]:
    """What keeps [daemon] from being used: a token that cannot be read or is weak, a device that is not there ..."""
    found = list[Problem]()
    known: dict[str, str] = {}
    for key in ("token", "read_token", "webhook", "mqtt"):
        if written := getattr(config, key):
            with noted(found, ("daemon", key), "***" if "${" not in written else written):
                known[key] = secrets.resolve(written)
    if "token" in known:
        before = len(found)
        with noted(found, ("daemon", "token"), "***"):
            check_exposure(config.host, known["token"])
        if len(found) == before:
            with noted(found, ("daemon", "read_token"), "***"):
                check_exposure(config.host, known["token"], known.get("read_token", ""))
    for key, check in (("webhook", check_webhook), ("mqtt", check_mqtt)):
        if key in known:
            with noted(found, ("daemon", key), "***"):
                check(known[key])
    if config.device not in ("auto", "cpu"):  # asking for another loads PyTorch
        with noted(found, ("daemon", "device"), config.device):
            check_device(config.device)
    return found


def check_file(path: Path) -> DaemonConfig:
    """Read a configuration file and try all of it that runs by itself: streams that are not enabled have a form only.

    Raises InputError if it cannot be read; ConfigError with a line for each thing that is wrong.
    """
    secrets, pools = Secrets(), {}
    no_device = False

    def pool(device: str) -> FilterPool:
        from ....jobs.pool import FilterPool

        if device not in pools:
            pools[device] = FilterPool(device)
        return pools[device]

    def trial(config: DaemonConfig, stream: StreamConfig | None) -> Sequence[Problem]:
        nonlocal no_device
        if stream is None:
            found = daemon_problems(config, secrets)
            no_device = any(problem.place[-1] == "device" for problem in found)
            return found
        if not stream.enabled:
            return ()
        device = "cpu" if no_device else config.device
        try:
            try_stream(stream, Ground(secrets, config.allowed, device, lambda: pool(device))).close()
        except ConfigError as error:
            return error.problems
        return ()

    return load(path, trial)


class Made:
    """What a trial has made, to be closed together. From any thread, more than once."""

    def __init__(self) -> None:
        self._parts: list[Closable] = []

    def add(self, part: Closable | None) -> None:
        if part is not None:
            self._parts.append(part)

    def close(self) -> None:
        parts, self._parts = self._parts, []
        close_all(parts)


class _Trial:
    """One stream's trial."""

    def __init__(self, stream: StreamConfig, ground: Ground) -> None:
        self.findings = Findings()
        self.made = Made()
        self._stream, self._ground = stream, ground

    def form(self) -> None:
        """What is checked when a configuration is read, once more, now that secrets are read too."""
        try:
            check_stream(self._stream, self._ground.allowed, self._ground.secrets)
        except ConfigError as error:
            self.findings.problems += error.problems

    def input(self) -> None:
        stream = self._stream
        url = None if self.findings.is_wrong(("input",)) else self._known(stream.input)
        if not url:
            return
        format = stream.input_format or usual_demuxer(url)
        if stream.input_format and not self.findings.is_wrong(("input_format",)):
            with self.findings.noted(("input_format",), stream.input_format):
                check_demuxer(stream.input_format)
        shown = redact_options(stream.input_options)
        for name, value in stream.input_options.items():
            text = None if self.findings.is_wrong(("input_options", name)) else self._known(value)
            if text is not None:
                with self.findings.noted(("input_options", name), shown[name]):
                    check_option(name, text, url, format)
        with self.findings.noted(("input",), stream.input):
            _check_source(url)

    def filters(self) -> None:
        stream, ground = self._stream, self._ground
        parts: list[tuple[TomlPlace, str]] = [(("filters",), stream.filters)]
        parts += [(("ladder", i), text) for i, text in enumerate(stream.ladder or ())]
        well = [(place, text) for place, text in parts if text and not self.findings.is_wrong(place)]
        pool = ground.pool() if well else None  # it loads PyTorch
        before = len(self.findings.problems)
        for place, text in well:
            with self.findings.noted(place, text, anything=True):
                chain = parse_chain(text)
                chain = list(split_privacy(chain)[1]) if place == ("filters",) else chain
                self.made.add(try_chain(chain, ground.device, pool, ground.info))
        if len(well) == len([text for _, text in parts if text]) and len(self.findings.problems) == before:
            with self.findings.noted(
                ("filters",), stream.filters, anything=True
            ):  # and the lighter steps that they offer
                chain = list(split_privacy(parse_chain(stream.filters) if stream.filters else [])[1])
                self.made.add(try_filters(chain, stream.policy, ground.device, pool))

    def outputs(self) -> None:
        trial = OutputTrial(self._stream, self.findings, self._known, self._ground.info)
        for i, output in enumerate(self._stream.outputs):
            trial.try_one(("outputs", i), output)

    def _known(self, text: str) -> str | None:
        """The text with its secrets put in, or a word for each; None if it is one secret that cannot be read."""
        try:
            return self._ground.secrets.resolve(text)
        except StreamfixError:
            pass
        try:
            return masked(text)
        except StreamfixError:
            return None


def _check_source(url: str) -> None:
    """Raise UsageError for a file that is not there, and for what needs a program that is not there."""
    check_carrier(url)
    if split(url).scheme != "file":
        return
    if os.path.isdir(url):
        raise InputError("it is a folder; name a file in it")
    if not os.path.exists(url):
        raise InputError("there is no such file; check the name")
    if not os.access(url, os.R_OK, effective_ids=True):
        raise InputError("this user may not read it; change its permissions")
