"""What the element says on the bus, in our words."""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402 - the version comes first


def tell_refusal(element: Any, chain: str, text: str) -> None:
    """Settings cannot be used."""
    _error(element, chain, Gst.ResourceError.quark(), Gst.ResourceError.SETTINGS, text)


def tell_failure(element: Any, chain: str, text: str) -> None:
    """A running stream has ended by that."""
    _error(element, chain, Gst.StreamError.quark(), Gst.StreamError.FAILED, text)


def warn(element: Any, text: str) -> None:
    """The video will not look as it should."""
    domain, code = Gst.StreamError.quark(), int(Gst.StreamError.FORMAT)
    element.message_full(Gst.MessageType.WARNING, domain, code, text, None, __file__, "streamfix", 0)


def _error(element: Any, chain: str, domain: Any, code: Any, text: str) -> None:
    about = f"{element.get_name()}: filter={chain!r}"
    element.message_full(Gst.MessageType.ERROR, domain, int(code), text, about, __file__, "streamfix", 0)
