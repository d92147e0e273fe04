"""`streamfix train`, `eval`, `inspect`, `stack`, `verify` and others: what is no job of ffmpeg's kind has its word."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from typing import Any

from . import logs

NAMES = ("train", "eval", "bench", "inspect", "stack", "verify", "report", "gstreamer", "cluster", "help")

Command = Callable[[argparse.Namespace], int]


def run(words: Sequence[str]) -> int:
    """Run the subcommand that `words` begin with; its exit code, 1 for wrong usage as everywhere."""
    if words[0] == "cluster":  # its options are those of a job as well
        from .clustering import command as clustering

        return clustering.run(words[1:])
    try:
        arguments, command = read(words)
    except SystemExit as stop:  # argparse has said why; its own code for wrong usage is 2
        return 1 if stop.code else 0
    logs.set_up(logs.parse_level(arguments.loglevel) if arguments.loglevel else logging.INFO)
    return command(arguments)


def read(words: Sequence[str]) -> tuple[argparse.Namespace, Command]:
    """The arguments, and what runs them. Raises SystemExit as argparse does."""
    parser, command = _parser(words)
    return parser.parse_args(words[len(parser.prog.split()) - 1 :]), command


def _parser(words: Sequence[str]) -> tuple[argparse.ArgumentParser, Command]:
    """Torch and what else a command needs are loaded here, for that command alone."""
    if words[0] == "help":
        from . import pages

        return _made("streamfix help", "Show a page of the documentation, or list them.", pages)
    if words[0] == "eval":
        from ...evaluation import command as evaluation

        return _made("streamfix eval", "Measure filters beside their peers.", evaluation)
    if words[0] == "inspect":
        from .inspection import command as inspection

        return _made("streamfix inspect", "Measure what a video is like and tell which filters it needs.", inspection)
    if words[0] == "stack":
        from .stacking import command as stacking

        return _made("streamfix stack", "Make one good picture of a region from many frames that show it.", stacking)
    if words[0] == "verify":
        from .evidence import verify

        return _made("streamfix verify", "Make evidence again from its record, and compare each frame.", verify)
    if words[0] == "report":
        from .evidence import report

        return _made("streamfix report", "Write a page that tells what was done to a recording.", report)
    if words[0] == "gstreamer":
        from ...gstreamer import command as gstreamer

        return _made("streamfix gstreamer", "Make the element `streamfix` known to GStreamer.", gstreamer)
    if words[0] == "bench":
        from ...evaluation import speed

        return _made("streamfix bench", "Measure how fast filters are on this machine.", speed)
    if words[1:2] == ["data"]:
        from ...training.dataset import command as data_command

        return _made("streamfix train data", "Make a dataset for training.", data_command)
    if words[1:2] == ["quantise"]:
        from ...training import quantise_command

        return _made("streamfix train quantise", "Make an int8 graph of trained weights.", quantise_command)
    if words[1:2] == ["adapt"]:
        from . import adapting

        return _made("streamfix train adapt", "Teach a network from one camera's own footage.", adapting)
    from ...training import command as training

    about = "Train a filter's network. `streamfix train data` makes the dataset that --data names."
    return _made("streamfix train", about, training)


def _made(name: str, about: str, command: Any) -> tuple[argparse.ArgumentParser, Command]:
    """command: a module with `add_arguments` and `run`."""
    parser = argparse.ArgumentParser(name, description=about)
    command.add_arguments(parser)
    parser.add_argument("-v", "-loglevel", dest="loglevel", help="as in ffmpeg: error, warning, info, debug")
    return parser, command.run
