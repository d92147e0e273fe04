"""Debian's Chromium, driven by Playwright: pages that are watched for what must never happen in them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from tests.fakes.waiting import LONG_S

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="drives the page; install the extra: pip install -e '.[dev]'"
)

sync_api.expect.set_options(timeout=LONG_S * 1000)

CHROMIUM = os.environ.get("STREAMFIX_CHROMIUM") or shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs the chromium command, Debian's package chromium")
LOOKS = (Path(__file__).parent / "page_looks.js").read_text(encoding="utf-8")
WIDE, PHONE = (1280, 800), (360, 740)
AWAY = re.compile("Failed to load resource")  # what the browser itself says of a server that is away, or says no


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser. No download: it is Debian's own."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


class Visit:
    """A page with its own storage. trouble: errors in its console and requests that left the daemon's host."""

    def __init__(
        self, browser: Any, url: str, size: tuple[int, int] = WIDE, scheme: Literal["light", "dark"] = "light"
    ) -> None:
        self.url, self.host = url, urlsplit(url).netloc
        phone = size[0] < 600
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, is_mobile=phone, has_touch=phone
        )
        self.context.set_default_timeout(LONG_S * 1000)
        self.trouble: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url).netloc != self.host:
            self.trouble.append(f"left the host: {request.url}")

    def open(self, name: str = "") -> Any:
        """Go to a stream's page, to the list without one."""
        self.page.goto(f"{self.url}#/{name}")
        return self.page

    def poll(self) -> None:
        """Make the page ask the daemon now, as it does when its tab is looked at again."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def look(self, measure: str) -> Any:
        """What one of page_looks.js says."""
        return self.page.evaluate(f"() => {{ {LOOKS}; return looks.{measure}(); }}")

    def roughness(self) -> tuple[float, float]:
        """How much neighbouring pixels differ in the flatter parts of the live view's left and right: its noise."""
        shot = self.page.locator(".frame").screenshot()
        grey = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert grey is not None
        rough = np.abs(cv2.Laplacian(grey, cv2.CV_32F))[60:-10]
        width = rough.shape[1]
        sides = (rough[:, : width // 4], rough[:, -width // 4 :])
        left, right = (float(np.mean(np.sort(side, None)[: side.size // 2])) for side in sides)
        return left, right

    def forgive(self, pattern: re.Pattern[str]) -> None:
        """What is told by `pattern` was to be expected."""
        self.trouble = [t for t in self.trouble if not pattern.search(t)]
