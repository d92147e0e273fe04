"""How a recording begins where there is one already: a daemon that starts anew replaces none."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

from ....live.outputs.resuming import neighbour, resumed
from ....media.output.muxer import guess_format
from ....media.redact import redact
from ....media.specs import OutputSpec
from ....media.transport.protocols import PATTERN_FORMATS, scheme_of

log = logging.getLogger("streamfix.daemon")


def beginning(spec: OutputSpec) -> OutputSpec:
    """The output with what leaves the files of earlier runs alone, unless they may be replaced.

    A file that is there gets a neighbour: yard.mp4, yard.1.mp4; so do segments that are named by the clock. Numbered
    ones continue behind the highest number, and an HLS playlist where it ended. Raises UsageError where the name does
    not tell the format.
    """
    if spec.overwrite or scheme_of(spec.url):
        return spec
    format = guess_format(spec.url, spec.format)
    if format in PATTERN_FORMATS:
        # An HLS playlist is written anew with what it had in it.
        return replace(resumed(spec, format, 0), overwrite=format == "hls")
    if not os.path.isfile(spec.url):
        return spec
    free = neighbour(spec.url)
    log.info("%s is there already, the recording goes to %s", redact(spec.url), redact(os.path.basename(free)))
    return replace(spec, url=free)
