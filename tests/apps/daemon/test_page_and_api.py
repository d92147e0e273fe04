"""The web page over the real API and HTTP server, behind its real headers: each understands what the other sends."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.engine.control import Engine
from streamfix.apps.daemon.http.api import WEB, create_app
from streamfix.apps.daemon.http.serving import HttpServer
from streamfix.conformance.fakes import constant
from tests.apps.daemon.browsing import AWAY, Visit, chromium, needs_chromium, sync_api
from tests.apps.daemon.engine import stream_config
from tests.apps.daemon.fake_supervisor import FakeSupervisor

TOKEN = "correct-horse-battery"
expect = sync_api.expect


@pytest.fixture
def supervisor(tmp_path: Path) -> FakeSupervisor:
    config = DaemonConfig(token=TOKEN, allow_folders=(tmp_path,), allow_schemes=("rtsp",), allow_private=True)
    supervisor = FakeSupervisor(config)
    supervisor.add(stream_config())
    supervisor.pictures["yard"] = constant(0.2, 1, 64, 48)[0], constant(0.8, 1, 128, 96)[0]
    return supervisor


@pytest.fixture
def server(supervisor: FakeSupervisor) -> Iterator[HttpServer]:
    app = create_app(cast(Engine, supervisor), supervisor.config)
    server = HttpServer(app, "127.0.0.1", 0, on_close=app.state.previews.close)
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def test_every_file_of_the_page_is_served_without_a_token(server: HttpServer) -> None:
    kinds = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    files = sorted(WEB.iterdir())
    assert "index.html" in {file.name for file in files}
    for file in files:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{file.name}", timeout=30) as answer:
            assert answer.headers.get_content_type() == kinds[file.suffix]
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-cache", "or an upgraded daemon meets the page of the old one"
            assert answer.read() == file.read_bytes()


@pytest.mark.slow
@pytest.mark.chromium
@needs_chromium
def test_the_page_and_the_api_understand_each_other(
    browser: Any, server: HttpServer, supervisor: FakeSupervisor
) -> None:
    visit = Visit(browser, f"http://127.0.0.1:{server.port}/")
    page = visit.open("yard")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("article .badge")).to_have_text("Running")
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    expect(page.locator(".layer.before canvas")).to_have_js_property("width", 128)
    shades = "c => c.getContext('2d').getImageData(64, 48, 1, 1).data[0]"
    before, after = (page.locator(f".layer.{side} canvas").evaluate(shades) for side in ("before", "after"))
    assert before < 90 < 170 < after
    expect(page.locator(".log li").first).to_contain_text("reading rtsp://***@10.0.0.5/yard")
    expect(page.locator("#load")).to_have_text("0.50 of 1.80 cores")
    assert "hush" not in page.content()

    page.get_by_role("button", name="Add a stream").click()
    page.get_by_label("Name").fill("Porch")
    page.get_by_label("Camera", exact=True).fill("file:///etc/passwd")
    page.get_by_label("Outputs").fill("rtsp://127.0.0.1:8554/porch")
    page.get_by_role("button", name="Add", exact=True).click()
    for label in ("Name", "Camera"):
        expect(page.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".wrong:not(:empty)")).to_have_count(2)
    page.get_by_label("Name").fill("porch")
    page.get_by_label("Camera", exact=True).fill("rtsp://127.0.0.1/porch")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="porch")).to_be_visible()

    page.goto(f"{visit.url}#/yard")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Filters").fill("smooth")
    page.get_by_label("Outputs").fill(page.get_by_label("Outputs").input_value() + "\nrtsp://127.0.0.1:8554/copy")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".pairs").nth(1)).to_contain_text("smooth")
    changed = supervisor.config_of("yard")
    assert changed.input == "rtsp://user:hush@10.0.0.5/yard", "what was hidden is what it was"
    assert [o.url for o in changed.outputs] == ["rtsp://m/yard", "rtsp://127.0.0.1:8554/copy"]

    page.get_by_role("button", name="Stop").click()
    expect(page.locator("article .badge")).to_have_text("Stopped")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".row")).to_have_count(1)
    assert list(supervisor.streams) == ["porch"]
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("dialog", name="Log in")).to_be_visible()
    visit.forgive(AWAY)
    visit.context.close()
    assert visit.trouble == []
