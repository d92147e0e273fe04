"""The notices of all streams, sent to whom the configuration names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from ....errors import UsageError
from ..access.secrets import Secrets
from ..config.config import DaemonConfig
from .mqtt import Mqtt
from .notice import Observer, StreamState
from .outbox import Outbox, Sender
from .webhook import Webhook

log = logging.getLogger("streamfix.daemon")

_SENDERS: dict[str, Callable[[str], Sender]] = {"webhook": Webhook, "mqtt": Mqtt}


class Notices:
    """Is shown all streams each second, and tells what has changed and lasts. Call it from one thread; it never waits.

    config: the present configuration; another one counts at once. senders: make a sender of a URL, by option.
    """

    def __init__(
        self,
        config: Callable[[], DaemonConfig],
        secrets: Secrets,
        senders: dict[str, Callable[[str], Sender]] | None = None,
    ) -> None:
        self._config, self._secrets = config, secrets
        self._senders = senders or _SENDERS
        self._seen: DaemonConfig | None = None
        self._observer = Observer(0.0)
        self._outboxes: dict[str, tuple[str, Outbox]] = {}  # by option: the URL as written, and its outbox

    def look(self, streams: Iterable[StreamState], steady_s: float, now_s: float | None = None) -> None:
        """Tell what is due. steady_s, now_s: monotonic and Unix seconds."""
        self._adopt(self._config())
        due = self._observer.look(streams, steady_s, time.time() if now_s is None else now_s)
        for notice in due:
            for _, outbox in self._outboxes.values():
                outbox.put(notice)

    def close(self) -> None:
        """End all outboxes, within moments."""
        for _, outbox in self._outboxes.values():
            outbox.ask_to_end()
        for _, outbox in self._outboxes.values():
            outbox.join()
        self._outboxes.clear()

    def _adopt(self, config: DaemonConfig) -> None:
        if config is self._seen:
            return
        self._seen, self._observer.after_s = config, config.notify_after_s
        for option, make in self._senders.items():
            written = getattr(config, option)
            before, outbox = self._outboxes.get(option, ("", None))
            if written == before:
                continue
            if outbox is not None:
                del self._outboxes[option]
                outbox.ask_to_end()
            if written:
                try:
                    self._outboxes[option] = written, Outbox(make(self._secrets.resolve(written)))
                except UsageError as error:
                    log.error("daemon.%s: %s; nobody is told", option, error)
