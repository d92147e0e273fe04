"""What one stream's camera sees, watched over all its runs; what it usually sees outlasts the daemon."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ....errors import OutputError
from ....frame import Frame
from ....health import Change, Examiner, Feed, Kind, Verdict, hidden_pixels
from ....media import durable
from ....media.privacy.zones import Privacy
from ..config.health import HealthConfig
from ..config.spec import StreamConfig
from ..config.values import box_of

log = logging.getLogger("streamfix.daemon")

CLOCK = "clock"  # the name of the overlay that shows whether a picture is frozen


class CameraSight:
    """One stream's. settings: the present ones; others count at once. folder: of what outlasts the daemon, or None."""

    def __init__(self, name: str, settings: Callable[[], HealthConfig], folder: Path | None) -> None:
        self._name, self._settings = name, settings
        self._path = None if folder is None else folder / f"{name}.npz"
        self._examiner: Examiner | None = None
        self._feed: Feed | None = None
        self._identity = ""
        self._note: Callable[[str, str], None] = lambda kind, text: None
        self._since_s: Mapping[Kind, float] = {}

    def begin(self, config: StreamConfig, privacy: Privacy | None, note: Callable[[str, str], None]) -> bool:
        """A run begins; False if it is not watched. privacy: what is burnt into its pictures.

        note: told of each fault that begins or ends: "sight", and a sentence.
        """
        self._note = note
        if not config.health:
            self._examiner = self._feed = None
            return False
        self._watch(config, privacy)
        return True

    def cover(self, config: StreamConfig) -> None:
        """Its zones have changed, while it runs."""
        if self._feed is not None:
            self._watch(config, config.privacy)

    def see(self, frame: Frame, at_s: float) -> None:
        """Look at a frame as it was recorded. at_s: monotonic seconds. From one thread."""
        feed, examiner, settings = self._feed, self._examiner, self._settings()
        if feed is not None and examiner is not None and settings.enabled:
            examiner.adopt(settings.limits)
            feed(frame, at_s)

    def _watch(self, config: StreamConfig, privacy: Privacy | None) -> None:
        boxes = {name: box_of(text) for name, text in config.overlays.items()}
        zones = [] if privacy is None else [zone.points for zone in privacy.zones]
        identity = hashlib.sha256(repr((config.input, zones, sorted(boxes.values()))).encode()).hexdigest()
        examiner = self._examiner
        if examiner is None or identity != self._identity:
            hidden = hidden_pixels(zones, boxes.values()) if zones or boxes else None
            examiner = Examiner(self._settings().limits, hidden)
            self._restore(examiner, identity)
            self._identity, self._since_s = identity, {}
        self._examiner, self._feed = examiner, Feed(examiner, self._tell, boxes.get(CLOCK))

    @property
    def verdict(self) -> Verdict | None:
        """What is said of the camera; None if it is not watched."""
        examiner = self._examiner
        return None if examiner is None or not self._settings().enabled else examiner.verdict

    @property
    def faults(self) -> Sequence[tuple[Kind, float, str]]:
        """Those that last: kind, Unix time since when, and a sentence."""
        verdict, since_s = self.verdict, self._since_s
        known = () if verdict is None else verdict.faults
        return [(fault.kind, since_s.get(fault.kind, time.time()), fault.text) for fault in known]

    def status(self) -> dict[str, object] | None:
        """As `models.Sight` has it."""
        verdict = self.verdict
        if verdict is None:
            return None
        faults = [{"kind": kind, "since": since_s, "text": text} for kind, since_s, text in self.faults]
        return {
            "faults": faults,
            "unjudged": verdict.unjudged,
            "mode": verdict.mode,
            "sharpness": verdict.ratio,
            "contrast": verdict.gain,
            "shift": verdict.shift,
            "blocks": verdict.blocks,
        }

    def relearn(self) -> None:
        """The camera was given another view: learn anew what it usually sees."""
        if self._examiner is not None:
            self._examiner.relearn()

    def save(self) -> None:
        """Write what was learnt to the disk, if there is something new. Not from a thread that pictures wait for."""
        examiner, path = self._examiner, self._path
        if examiner is None or path is None or not examiner.references.changed:
            return
        data = examiner.references.kept(self._identity)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            durable.write(path, data)
        except (OSError, OutputError) as error:
            log.warning("%s: what its camera usually sees cannot be kept: %s", self._name, error)

    def forget(self) -> None:
        """Delete what was kept: the stream is removed."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _restore(self, examiner: Examiner, identity: str) -> None:
        if self._path is None:
            return
        try:
            data = self._path.read_bytes()
        except OSError:
            return
        # Of another view, or from before a zone was covered: it may show what nobody may see.
        if not examiner.references.restore(data, identity):
            self._path.unlink(missing_ok=True)

    def _tell(self, change: Change) -> None:
        kind = change.fault.kind
        others = {other: since_s for other, since_s in self._since_s.items() if other != kind}
        began_s = time.time() - (change.at_s - change.fault.since_s)
        self._since_s = {**others, kind: began_s} if change.begins else others
        self._note("sight", change.text)
