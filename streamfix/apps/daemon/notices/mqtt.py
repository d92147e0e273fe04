"""Sends notices to an MQTT broker (3.1.1), through paho-mqtt."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from ....errors import UsageError
from .notice import Notice
from .outbox import NotSent

if TYPE_CHECKING:
    from paho.mqtt.client import Client

_TIMEOUT_S = 10.0
_KEEPALIVE_S = 30
_TOPIC = re.compile(r"[^#+\0/]+(/[^#+\0/]+)*")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to. prefix: of all topics."""

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None
    prefix: str


class Mqtt:
    """One broker. Each stream's newest notice is retained at PREFIX/STREAM; PREFIX says "online" or "offline".

    What its camera sees wrongly is at PREFIX/STREAM/health/FAULT, "faulty" or "mended".

    Of a stream that is removed nothing stays there: an empty message makes a broker forget the one that it retains
    (MQTT 3.1.1, section 3.3.1.3).

    url: mqtt://user:password@host:1883/prefix, or mqtts://. Raises UsageError where it is wrong, or paho-mqtt missing.
    """

    keeps_state = True  # else "lost" would stay there for ever if the daemon ended meanwhile

    def __init__(self, url: str) -> None:
        self._broker = check_mqtt(url)
        self.shown = f"{'mqtts' if self._broker.tls else 'mqtt'}://{self._broker.host}:{self._broker.port}"
        self._client: Client | None = None

    def send(self, notice: Notice) -> None:
        """Publish it at least once (QoS 1); returns once the broker has it. Raises NotSent."""
        client = self._client or self._connect()
        try:
            text = "" if notice.state == "removed" else json.dumps(notice.as_json())
            part = f"/health/{notice.fault}" if notice.fault else ""
            self._publish(client, f"{self._broker.prefix}/{notice.stream}{part}", text)
        except NotSent:
            self._leave()
            raise

    def close(self) -> None:
        """Say that the daemon is gone, if there is a connection to say it over."""
        if self._client is not None:
            with contextlib.suppress(NotSent):  # the broker says it by itself then
                self._publish(self._client, self._broker.prefix, "offline")
            self._leave()

    def _connect(self) -> Client:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        broker, answer = self._broker, _Answer()
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_connect = answer
        client.connect_timeout = _TIMEOUT_S
        client.will_set(broker.prefix, "offline", qos=1, retain=True)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set()
        try:
            client.connect(broker.host, broker.port, _KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise NotSent(f"it cannot be reached: {getattr(error, 'strerror', None) or error}") from None
        self._client = client
        client.loop_start()
        if (said := answer.wait(_TIMEOUT_S)) != "":
            self._leave()
            raise NotSent(f"it refuses the connection: {said}")
        self._publish(client, broker.prefix, "online")
        return client

    @staticmethod
    def _publish(client: Client, topic: str, text: str) -> None:
        sent = client.publish(topic, text, qos=1, retain=True)
        try:
            sent.wait_for_publish(_TIMEOUT_S)
        except (ValueError, RuntimeError) as error:  # not connected, or its queue is full
            raise NotSent(f"the connection is lost: {error}") from None
        if not sent.is_published():
            raise NotSent(f"it did not take the message within {_TIMEOUT_S:.0f} s")

    def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()


class _Answer:
    """Waits for a broker's answer to the connection."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self._said = "it does not answer"

    def __call__(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._said = str(reason) if reason.is_failure else ""
        self._came.set()

    def wait(self, limit_s: float) -> str:
        """What is wrong, empty if nothing is."""
        self._came.wait(limit_s)
        return self._said


def check_mqtt(url: str) -> Broker:
    """The broker that a URL names. Raises UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    prefix = unquote(parts.path).strip("/") or "streamfix"
    known = parts.scheme in ("mqtt", "mqtts") and _TOPIC.fullmatch(prefix) is not None
    if not known or not parts.hostname or set(url) & set("?# "):
        raise UsageError("it takes a URL, as in mqtt://user:password@broker:1883/streamfix, or mqtts:// for TLS")
    if importlib.util.find_spec("paho") is None:
        raise UsageError('it needs paho-mqtt: pip install "streamfix[mqtt]"')
    tls = parts.scheme == "mqtts"
    user, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    return Broker(parts.hostname, port or (8883 if tls else 1883), tls, user, password, prefix)
