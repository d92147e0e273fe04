"""Keeps the recordings' house, in a thread of its own: makes folders in time, deletes what need not be kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from ....errors import UsageError
from ....media.redact import redact
from ..access.location import split, usual_format
from ..access.secrets import Secrets
from ..access.urls import Allowed
from ..config.spec import StreamConfig
from ..loop import Loop
from .catalogue import Catalogue, Recording, open_files
from .names import PERIOD_S, RecordingNames, make_folder, names_of
from .retention import too_many

LOOK_S = 5.0  # how often folders are made
SWEEP_S = 60.0
AHEAD_S = 300.0  # a folder is made so long before it is needed
_JUMP_S = 600.0  # a clock that goes ahead by more than that is not believed for a while
_DOUBT_S = 3600.0
_PATIENCE_S = 2.0
_NAMED = 10  # recordings whose names the log has, of those that one sweep deletes

log = logging.getLogger("streamfix.daemon")


class Keeper:
    """Looks after the recordings of all streams.

    A recording is deleted only if its name is one that its stream's output gives, if no other stream's output gives
    that name too, and if nobody writes it (`retention`). Where the clock has gone ahead, nothing is deleted for its
    age for an hour: it may be wrong.

    configs: returns the streams' present configurations. catalogue: the recordings of one.
    wall, steady: Unix and monotonic seconds.
    """

    def __init__(
        self,
        configs: Callable[[], Sequence[StreamConfig]],
        catalogue: Callable[[StreamConfig], Catalogue],
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configs, self._catalogue = configs, catalogue
        self._wall, self._steady = wall, steady
        self._clocks = wall(), steady()
        self._doubted_s = float("-inf")  # when the clock last went ahead
        self._swept_s = float("-inf")
        self._told: dict[tuple[str, str], str] = {}  # by stream and kind: a trouble that was told and goes on
        self._loop = Loop("recordings", "looking after the recordings", self.tick, LOOK_S, at_once=True)

    def start(self) -> None:
        self._loop.start()

    def close(self) -> None:
        """End the loop; waits only a moment, since a disk may hang."""
        self._loop.close(_PATIENCE_S)

    def tick(self) -> None:
        """Make folders; now and then, delete."""
        now_s = self._steady()
        self._watch_clock()
        configs = self._configs()
        catalogues = {config.name: self._catalogue(config) for config in configs}
        for name, catalogue in catalogues.items():
            self._make_folders(name, catalogue)
        if now_s - self._swept_s >= SWEEP_S:
            self._swept_s = now_s
            for config in configs:
                if config.retention:
                    others = [other for name, other in catalogues.items() if name != config.name]
                    self._sweep(config, catalogues[config.name], others)

    # -- folders

    def _make_folders(self, stream: str, catalogue: Catalogue) -> None:
        for names in catalogue.outputs:
            try:
                for at_s in (self._wall(), self._wall() + AHEAD_S):
                    make_folder(names, at_s)
                self._told.pop((stream, "folder"), None)
            except OSError as error:
                self._tell(stream, "folder", f"a folder for its recordings cannot be made: {error}")

    # -- deleting

    def _sweep(self, config: StreamConfig, catalogue: Catalogue, others: Sequence[Catalogue]) -> None:
        try:
            found = catalogue.find()
            writing = open_files()
        except OSError as error:
            self._tell(config.name, "list", f"its recordings cannot be listed, so none is deleted: {error}")
            return
        limits = config.limits
        if limits.max_age_s is not None and self._steady() - self._doubted_s < _DOUBT_S:
            limits = type(limits)(None, limits.max_bytes)
        doomed = too_many(found, limits, self._wall(), writing)
        shared = [one for one, _ in doomed if any(other.owns(one.path) for other in others)]
        if shared:
            text = f"{shared[0].path} may be another stream's too, and is kept; give each stream names of its own"
            self._tell(config.name, "shared", text)
        gone = [(one, why) for one, why in doomed if one not in shared and self._delete(config.name, catalogue, one)]
        if gone:
            self._say_gone(config, gone)
            self._remove_folders(catalogue)

    def _delete(self, stream: str, catalogue: Catalogue, one: Recording) -> bool:
        try:
            catalogue.remove(one)
        except FileNotFoundError:  # somebody was quicker
            return False
        except OSError as error:
            self._tell(stream, "delete", f"{one.path} cannot be deleted: {error.strerror}")
            return False
        return True

    def _say_gone(self, config: StreamConfig, gone: Sequence[tuple[Recording, str]]) -> None:
        which = {"stream": config.name}
        for one, why in gone[:_NAMED]:
            limit = f"retention.{why} = {config.retention[why]}"
            log.info("%s: deleted %s, %s: %s", config.name, one.path, size(one.bytes), limit, extra=which)
        if rest := gone[_NAMED:]:
            total = size(sum(one.bytes for one, _ in rest))
            text = "%s: deleted %d more recordings, %s, the last of them %s"
            log.info(text, config.name, len(rest), total, rest[-1][0].path, extra=which)

    def _remove_folders(self, catalogue: Catalogue) -> None:
        now_s = self._wall()
        soon = [names.folder_at(now_s + ahead) for names in catalogue.outputs if names for ahead in (0, PERIOD_S)]
        catalogue.remove_empty_folders([folder for folder in soon if folder is not None])

    # -- what is told

    def _watch_clock(self) -> None:
        before, self._clocks = self._clocks, (self._wall(), self._steady())
        ahead_s = (self._clocks[0] - before[0]) - (self._clocks[1] - before[1])
        if ahead_s > _JUMP_S:
            self._doubted_s = self._clocks[1]
            if any("max_age" in config.retention for config in self._configs()):
                log.warning(
                    "the clock has gone ahead by %.0f min; no recording is deleted for its age within the next hour",
                    ahead_s / 60,
                )

    def _tell(self, stream: str, kind: str, text: str) -> None:
        """Log a trouble once, until it is another one."""
        if self._told.get((stream, kind)) != text:
            self._told[stream, kind] = text
            log.error("%s: %s", stream, redact(text), extra={"stream": stream})


def catalogue_of(config: StreamConfig, secrets: Secrets, allowed: Allowed) -> Catalogue:
    """The recordings of a stream's outputs. An output that is no file, or may not be written, has none."""

    def names(output_url: str, format: str | None, options: Mapping[str, str]) -> RecordingNames | None:
        try:
            url = secrets.resolve(output_url)
            if not url.startswith("/") or split(url).scheme != "file":
                return None
            allowed.check_file(url)
            return names_of(url, format or usual_format(url), options)
        except UsageError:  # the stream itself does not start, and says why
            return None

    return Catalogue([names(o.url, o.format, o.options) for o in config.outputs])


def size(count: float) -> str:
    """1234567 bytes as 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
