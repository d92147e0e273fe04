"""The daemon's web page in a real browser, against a fake API.

Laws, held at the end of each test: nothing is loaded from elsewhere, nothing goes wrong in the console. Then: all text
can be read, nothing overflows a phone, controls are large enough. Then what an operator does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamfix.apps.daemon.http.document import stream_schemas
from tests.apps.daemon.browsing import AWAY, PHONE, Visit, chromium, needs_chromium, sync_api
from tests.apps.daemon.fake_daemon import FakeDaemon
from tests.apps.daemon.page_material import hour, recordings, stream
from tests.fakes.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.chromium, needs_chromium]
expect = sync_api.expect
Open = Callable[..., Visit]
STATES = ("starting", "running", "degraded", "reconnecting", "stopped", "error")
MARKUP = "<img src=x onerror=document.title='taken'>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    daemon = FakeDaemon()
    daemon.streams = {"yard": stream("yard"), "gate": stream("gate")}
    daemon.histories["yard"] = hour()
    daemon.start()
    yield daemon
    daemon.close()


@pytest.fixture
def visit(browser: Any, daemon: FakeDaemon) -> Iterator[Open]:
    """Opens pages; in the end none of them may have had trouble."""
    visits: list[Visit] = []

    def visit(**options: Any) -> Visit:
        visits.append(Visit(browser, daemon.url, **options))
        return visits[-1]

    yield visit
    for each in visits:
        each.context.close()
    assert [t for each in visits for t in each.trouble] == []


def in_every_state(daemon: FakeDaemon) -> None:
    long = "rtsp://***@camera-at-the-far-end-of-the-yard.example:8554/a/path/without/any/place/to/break"
    daemon.streams = {f"{s}-{'x' * 40}": stream(f"{s}-{'x' * 40}", s, reason=f"{long} {s}", input=long) for s in STATES}
    for name, each in daemon.streams.items():
        each["outputs"] = [{"url": long, "trouble": "No space left on device; tried again in 10 s"}] * 2
        daemon.histories[name] = hour(60)
        kinds = ("connect", "lost", "step", "output", "state")
        daemon.events[name] = [{"at": time.time() - 90, "kind": kind, "text": f"{kind}: {long}"} for kind in kinds]


# -- laws


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(daemon: FakeDaemon, visit: Open, scheme: str) -> None:
    in_every_state(daemon)
    there = visit(scheme=scheme)
    for state in ("degraded", "error"):
        page = there.open(next(n for n in daemon.streams if n.startswith(state)))
        expect(page.locator(".log li")).to_have_count(5)
        expect(page.locator(".chart svg text").first).to_be_attached()
        seen = there.look("faint")
        assert seen["looked"] > 80 and seen["faint"] == []
    page.get_by_role("button", name="Add a stream").click()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Give it a name.")).to_be_visible()
    assert there.look("faint")["faint"] == []


@pytest.mark.parametrize("width", [320, 360])
def test_nothing_overflows_a_phone(daemon: FakeDaemon, visit: Open, width: int) -> None:
    in_every_state(daemon)
    there = visit(size=(width, 700))
    page = there.open()
    expect(page.locator(".row")).to_have_count(len(STATES))
    assert (there.look("overflow"), there.look("small")) == (0, [])
    page.locator(".row").nth(2).tap()
    expect(page.locator(".log li")).to_have_count(5)
    assert (there.look("overflow"), there.look("small")) == (0, [])
    page.get_by_role("button", name="Add a stream").tap()
    page.get_by_text("Latency and lost pictures").tap()
    assert (there.look("overflow"), there.look("small")) == (0, [])


def test_what_the_daemon_says_is_never_markup(daemon: FakeDaemon, visit: Open) -> None:
    daemon.streams["yard"].update(
        state="degraded", reason=MARKUP, filters=MARKUP, input=MARKUP, rung=1, rung_name=MARKUP
    )
    daemon.streams["yard"]["outputs"] = [{"url": MARKUP, "trouble": MARKUP}]
    daemon.streams["yard"]["dropped"] = {MARKUP: 3}
    daemon.events["yard"] = [{"at": time.time(), "kind": "state", "text": MARKUP}]
    page = visit().open("yard")
    expect(page.locator(".log li")).to_contain_text(MARKUP)
    expect(page.locator(".reason")).to_have_text(MARKUP)
    assert page.locator("main img").count() == 0
    expect(page).to_have_title("(1) yard – streamfix")


def test_a_view_that_is_left_costs_the_daemon_nothing(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    for name in ("gate", "yard") * 3:
        page.get_by_role("link", name=name).click()
        expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    until(lambda: daemon.viewing == 1, "one live view")
    page.get_by_role("button", name="Pause").click()
    until(lambda: daemon.viewing == 0, "none while it is paused")
    page.get_by_role("button", name="Resume").click()
    until(lambda: daemon.viewing == 1, "one again")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    there.poll()
    until(lambda: daemon.viewing == 0, "none while the tab is hidden")
    before = len(daemon.asked)
    there.poll()
    page.wait_for_timeout(50)
    assert len(daemon.asked) - before <= 1, "a hidden tab asks for nothing"


# -- what an operator does


def test_the_page_shows_a_stream(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open("yard")
    expect(page.get_by_role("heading", name="yard")).to_be_visible()
    expect(page.get_by_role("status").first).to_have_text("2 streams · all well")
    expect(page.locator("article .badge")).to_have_text("Running")
    expect(page.locator("article .since")).to_have_text("for 2 h 5 min")
    expect(page.locator(".tile")).to_have_text([
        "Frame rate25.0480 × 270", "Latency, median31 msp99 62 ms", "Dropped120.006 % of 187,500", "Noise6.1chroma 2.2"
    ])  # fmt: skip
    expect(page.locator(".pairs").first).to_contain_text("Written187,487Dropped: overload12In flight1")
    expect(page.locator(".row img").first).to_be_visible()
    expect(page.locator("#load")).to_have_text("1.12 of 1.80 cores")


def test_all_live_pictures_come_over_one_connection(daemon: FakeDaemon, visit: Open) -> None:
    daemon.streams = {f"cam-{i}": stream(f"cam-{i}") for i in range(9)}
    daemon.streams["cam-3"].update(state="reconnecting", last_frame_s=time.time() - 60)
    daemon.streams["cam-4"].update(state="stopped")
    daemon.streams["cam-5"].update(filters="")
    there = visit()
    page = there.open()
    tiles = page.locator(".tile-live")
    expect(page.get_by_role("heading", name="Live pictures")).to_be_visible()
    expect(page.locator(".tile-live[data-pictures]")).to_have_count(7)
    assert daemon.viewing == 1
    assert len([asked for asked in daemon.asked if "live.mjpg" in asked]) == 1
    expect(tiles.nth(3)).to_contain_text("No picture since")
    expect(tiles.nth(3)).to_have_attribute("data-look", "bad")
    expect(tiles.nth(4)).to_contain_text("Stopped")
    expect(tiles.nth(5)).to_contain_text("25.0 fps · 31 ms · pass-through")
    seen = there.look("faint")
    assert seen["looked"] > 25 and seen["faint"] == []
    daemon.streams["cam-4"].update(state="running")
    del daemon.streams["cam-8"]
    there.poll()
    expect(tiles).to_have_count(8)
    expect(page.locator(".tile-live[data-pictures]")).to_have_count(7)
    expect(page.locator(".list")).to_be_hidden()
    tiles.nth(2).click()
    expect(page.get_by_role("heading", name="cam-2")).to_be_visible()
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    until(lambda: daemon.viewing == 1, "the wall's view has ended")
    page.get_by_role("link", name="Live pictures").click()
    expect(tiles).to_have_count(8)


def test_the_wall_on_a_phone(daemon: FakeDaemon, visit: Open) -> None:
    in_every_state(daemon)
    there = visit(size=(320, 700), scheme="dark")
    page = there.open()
    page.get_by_role("link", name="Live pictures").tap()
    expect(page.locator(".tile-live")).to_have_count(len(STATES))
    shown = page.locator(".tile-live[data-pictures]")  # of those in sight alone, how many that may be
    expect(shown.first).to_be_attached()
    assert shown.count() < len(STATES)
    assert (there.look("overflow"), there.look("small"), there.look("faint")["faint"]) == (0, [], [])
    page.get_by_role("link", name="All streams", exact=True).tap()
    expect(page.locator(".row")).to_have_count(len(STATES))


def test_a_picture_that_is_passed_through_is_not_called_after(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    side, slider = page.locator(".side.right"), page.get_by_role("slider")
    expect(side).to_have_text("After")
    daemon.streams["yard"].update(state="degraded", rung=2, rung_name="pass-through")
    there.poll()
    expect(side).to_have_text("Pass-through")
    expect(slider).to_have_attribute("aria-valuetext", "50 % before, 50 % passed through")
    daemon.streams["yard"].update(state="running", rung=0, rung_name="denoise")
    there.poll()
    expect(side).to_have_text("After")
    daemon.streams["gate"].update(filters="")
    page = there.open("gate")
    expect(side).to_have_text("Pass-through")


def test_the_next_try_is_told_and_can_be_made_now(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    expect(page.locator("article .badge")).to_have_text("Running")
    expect(page.get_by_role("button", name="Try now")).to_be_hidden()
    daemon.streams["yard"].update(state="reconnecting", reason="401 Unauthorized", next_try=time.time() + 300)
    there.poll()
    expect(page.locator(".next")).to_contain_text("Next try in 4 min.")
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".next")).to_be_hidden()
    assert daemon.sent[-1][:2] == ("POST", "streams/yard/retry")
    daemon.streams["yard"].update(state="error", reason="there is no encoder of that name", next_try=None)
    there.poll()
    expect(page.locator(".next")).to_contain_text("It is not tried again by itself.")
    expect(page.get_by_role("button", name="Try now")).to_be_visible()


def test_the_slider_moves_between_before_and_after(visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    slider = page.get_by_role("slider", name="Line between before and after")
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    expect(page.locator(".over")).to_be_hidden()
    expect(slider).to_have_attribute("aria-valuetext", "50 % before, 50 % after")
    halves = there.roughness()
    box = page.locator(".frame").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=3)
    expect(slider).to_have_attribute("aria-valuenow", "90")
    page.mouse.up()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    expect(slider).to_have_attribute("aria-valuenow", "90")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "92")
    slider.press("End")
    before = there.roughness()
    slider.press("Home")
    after = there.roughness()
    assert all(b > 1.3 * a for b, a in zip(before, after, strict=True)), (before, after)
    assert halves == pytest.approx((before[0], after[1]), rel=0.1), "before on the left, after on the right"


def test_a_closer_look_asks_for_all_pixels_and_can_be_moved(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open("yard")
    page.get_by_role("button", name="4:1").click()
    until(lambda: any("live.mjpg" in a and "width=4096" in a for a in daemon.asked), "the whole picture")
    canvas = page.locator(".layer.after canvas")
    expect(canvas).to_have_css("width", "1920px")
    before = canvas.bounding_box()
    page.locator(".frame").press("ArrowRight")
    after = canvas.bounding_box()
    assert before is not None and after is not None and after["x"] == before["x"] - 40
    page.mouse.move(300 + 100, 300)
    page.mouse.down()
    page.mouse.move(300 + 150, 320)
    page.mouse.up()
    dragged = canvas.bounding_box()
    assert dragged is not None and (dragged["x"], dragged["y"]) == (after["x"] + 50, after["y"] + 20)


def test_a_lost_camera_turns_red_and_comes_back(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    badge, frame = page.locator("article .badge"), page.locator(".frame")
    expect(badge).to_have_css("color", "rgb(23, 117, 58)")
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    daemon.streams["yard"].update(
        state="reconnecting", reason="no frame for 20 s", since=time.time() - 3, last_frame_s=time.time() - 23
    )
    there.poll()
    expect(badge).to_have_text("Camera lost")
    expect(badge).to_have_css("color", "rgb(191, 29, 38)")
    expect(frame).to_have_css("box-shadow", re.compile(r"rgb\(191, 29, 38\)"))
    expect(page.locator(".over")).to_contain_text("No picture since")
    expect(page.locator(".reason")).to_have_text("no frame for 20 s")
    expect(page.locator(".row").first).to_contain_text(re.compile(r"no picture for 2\d s"))
    expect(page.locator("#summary")).to_have_text("2 streams · 1 needs attention")
    daemon.streams["yard"] = stream("yard")
    there.poll()
    expect(badge).to_have_text("Running")
    expect(page.locator(".over")).to_be_hidden()
    expect(page.locator(".reason")).to_be_hidden()


def test_a_camera_that_never_came_is_red_too(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    daemon.streams["yard"].update(state="starting", reason="Connection refused", since=time.time(), received=0)
    page = there.open("yard")
    badge = page.locator("article .badge")
    expect(badge).to_have_text("Starting")
    expect(badge).to_have_css("color", "rgb(28, 99, 184)")
    daemon.streams["yard"]["since"] -= 60
    there.poll()
    expect(badge).to_have_text("No camera")
    expect(badge).to_have_css("color", "rgb(191, 29, 38)")
    expect(page.locator("#summary")).to_have_text("2 streams · 1 needs attention")


def test_a_restarted_daemon_is_found_again(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("gate")
    compare = page.locator(".compare")
    expect(compare).to_have_attribute("data-pictures", re.compile(r"\d"))
    daemon.close()
    there.poll()
    expect(page.get_by_role("alert").filter(has_text="The daemon has not answered since")).to_be_visible()
    seen = int(compare.get_attribute("data-pictures") or 0)
    daemon.streams["gate"]["fps"] = 12.5
    daemon.start()
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator(".tile b").first).to_have_text("12.5")
    page.wait_for_function("n => Number(document.querySelector('.compare').dataset.pictures) > n", arg=seen + 1)
    there.forgive(AWAY)


def test_a_reload_keeps_the_stream_and_the_colours(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open("gate")
    dark = "rgb(13, 17, 19)"
    page.get_by_role("button", name="Dark colours").click()
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.reload()
    expect(page.get_by_role("heading", name="gate")).to_be_visible()
    expect(page.locator("body")).to_have_css("background-color", dark)
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    page.get_by_role("button", name="Light colours").click()
    expect(page.locator("body")).to_have_css("background-color", "rgb(244, 246, 246)")


def test_charts_show_the_last_hour(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open("yard")
    chart = page.get_by_role("img", name=re.compile("^Latency over the last (1 h|59 min): median .* p99 .* at most"))
    expect(chart).to_be_visible()
    line = page.locator(".line.latency_p50").get_attribute("d") or ""
    assert line.count("M") == 2, "lifted where the camera was away"
    assert line.count("L") > 600
    chart.hover(position={"x": 200, "y": 60})
    expect(page.locator(".when")).to_have_text([re.compile(r"^\d\d:\d\d:\d\d$")] * 4)
    expect(page.locator(".cross")).to_have_count(4)
    chart.press("ArrowLeft")
    history, lines = daemon.histories["yard"], page.locator(".chart").first.locator("b")
    expect(lines.first).to_have_text(re.compile(r"^\d+ ms$"))
    page.get_by_text("Show as a table").click()
    expect(page.locator("tbody tr")).to_have_count(len({int(t // 300) for t in history["t"]}))


def test_starting_and_stopping(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("article .badge")).to_have_text("Stopped")
    until(lambda: daemon.viewing == 0, "no live view of a stopped stream")
    daemon.refuse = {"status": 409, "detail": "yard needs about 0.71 of a core, 1.62 of 1.80 are taken"}
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert").filter(has_text="0.71 of a core, 1.62 of 1.80")).to_be_visible()
    expect(page.locator("article .badge")).to_have_text("Stopped")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("article .badge")).to_have_text("Running")
    expect(page.locator(".notice")).to_be_hidden()
    assert [(m, p) for m, p, _ in daemon.sent] == [
        ("POST", f"streams/yard/{verb}") for verb in ("stop", "start", "start")
    ]
    there.forgive(AWAY)


def test_adding_a_stream(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open()
    page.get_by_role("button", name="Add a stream").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("porch")
    page.get_by_label("Camera", exact=True).fill("file:///etc/passwd")
    page.get_by_label("Filters").fill("denoise")
    page.get_by_label("Outputs").fill("rtsp://127.0.0.1:8554/porch\n\n /var/lib/streamfix/porch.mp4 ")
    page.get_by_text("Latency and lost pictures").click()
    page.get_by_label("While the camera is away").select_option("Hold the last picture")
    errors = [{"where": "input", "value": "file:///etc/passwd", "detail": "only rtsp and srt are allowed"}]
    daemon.refuse = {"status": 422, "detail": "input: only rtsp and srt are allowed", "errors": errors}
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("only rtsp and srt are allowed")).to_have_count(1)
    expect(page.get_by_label("Camera", exact=True)).to_be_focused()
    expect(page.get_by_label("Camera", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Camera", exact=True).fill("rtsp://10.0.0.5/porch")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="porch")).to_be_visible()
    expect(page.locator("article .badge")).to_have_text("Starting")
    assert daemon.sent[-1] == ("POST", "streams", {
        "name": "porch", "input": "rtsp://10.0.0.5/porch", "filters": "denoise",
        "on_lost": "hold",
        "outputs": ["rtsp://127.0.0.1:8554/porch", "/var/lib/streamfix/porch.mp4"],
    })  # fmt: skip
    there.forgive(AWAY)


def test_the_form_has_every_option(daemon: FakeDaemon, visit: Open) -> None:
    """With the label, the help and the choices that the configuration's own field has."""
    page = visit().open()
    page.get_by_role("button", name="Add a stream").click()
    expect(page.get_by_label("Name")).to_be_focused()
    dialog = page.get_by_role("dialog")
    for closed in dialog.locator("summary").all():
        closed.click()
    options = stream_schemas()["StreamBody"]["properties"]
    groups = list(dict.fromkeys(["", *(said["x-group"] for said in options.values())]))
    assert dialog.locator("summary").all_inner_texts() == groups[1:]
    controls = [control.get_attribute("name") for control in dialog.locator("[name]").all()]
    assert controls == [key for group in groups for key, said in options.items() if said["x-group"] == group]
    for key, said in options.items():
        control = dialog.get_by_label(said["title"], exact=True)
        expect(control).to_have_attribute("name", key)
        expect(control).to_have_accessible_description(re.compile(re.escape(said["description"])))
        for value, label in said.get("x-choices", ()):
            expect(control.locator(f"option[value={value}]")).to_have_text(label)


def test_every_field_that_may_be_empty_says_what_that_does(daemon: FakeDaemon, visit: Open) -> None:
    """The fake daemon's file has filters, max_latency and on_lost under [defaults]."""
    page = visit().open("yard")
    page.get_by_role("button", name="Add a stream").click()
    expect(page.get_by_label("Name")).to_be_focused()
    dialog = page.get_by_role("dialog")
    for closed in dialog.locator("summary").all():
        closed.click()
    schema = stream_schemas()["StreamBody"]
    for key, said in schema["properties"].items():
        control = dialog.get_by_label(said["title"], exact=True)
        if control.evaluate("control => control.tagName") == "SELECT":
            expect(control.locator("option").first).to_have_text(re.compile("^Default: .+"))
        elif key not in schema["required"]:
            expect(control).to_have_accessible_description(re.compile("Empty: .+"))
    label = dialog.get_by_label
    expect(label("Filters")).to_have_accessible_description(re.compile("Empty: denoise."))
    expect(label("Latency allowed")).to_have_accessible_description(re.compile("Empty: 0.3s."))
    expect(label("While the camera is away").locator("option").first).to_have_text("Default: Hold the last picture")
    expect(label("Transport").locator("option").first).to_have_text("Default: TCP, or UDP where the camera has no TCP")
    expect(label("Sound").locator("option").first).to_have_text("Default: Yes")
    expect(label("Keep recordings")).to_have_accessible_description(re.compile("Empty: all are kept for ever."))
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Filters")).to_have_accessible_description(re.compile("Empty: pictures pass through."))
    expect(page.get_by_text("This lasts until the daemon ends")).to_be_visible()


def test_every_kind_of_option_is_sent_as_the_api_takes_it(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open()
    page.get_by_role("button", name="Add a stream").click()
    page.get_by_label("Name").fill("porch")
    page.get_by_label("Camera", exact=True).fill("rtsp://10.0.0.5/porch")
    page.get_by_label("Outputs").fill("rtsp://127.0.0.1:8554/porch")
    for group in ("Latency and lost pictures", "Camera's connection", "Recordings"):
        page.get_by_text(group, exact=True).click()
    page.get_by_label("Sound").select_option("No")
    page.get_by_label("Transport").select_option("UDP")
    page.get_by_label("Keep recordings").fill("max_age = 14d\nmax_size=500GB")
    page.get_by_label("Camera options").fill("rtsp_transport = tcp\ntimeout")
    page.get_by_label("Steps under load").fill("smooth\natadenoise=s=9")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Write name=value, one per line; timeout has no =.")).to_be_visible()
    page.get_by_label("Camera options").fill("rtsp_transport = tcp\nuser_agent=a=b")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="porch")).to_be_visible()
    assert daemon.sent[-1] == ("POST", "streams", {
        "name": "porch", "input": "rtsp://10.0.0.5/porch", "outputs": ["rtsp://127.0.0.1:8554/porch"], "audio": False,
        "transport": "udp", "retention": {"max_age": "14d", "max_size": "500GB"},
        "input_options": {"rtsp_transport": "tcp", "user_agent": "a=b"}, "ladder": ["smooth", "atadenoise=s=9"],
    })  # fmt: skip


def test_editing_sends_only_what_was_changed(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open("yard")
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Camera", exact=True)).to_have_value("rtsp://***@10.0.0.5/yard")
    page.get_by_label("Filters").fill("smooth")
    page.get_by_text("Latency and lost pictures").click()
    page.get_by_label("Latency allowed").fill("")
    outputs = page.get_by_label("Outputs")
    outputs.fill(outputs.input_value() + "\nudp://127.0.0.1:9000")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".pairs").nth(1)).to_contain_text("smooth")
    kept = {"url": "rtsp://127.0.0.1:8554/yard", "format": "rtsp", "options": {}}
    body = {"filters": "smooth", "max_latency": None, "outputs": [kept, "udp://127.0.0.1:9000"]}
    assert daemon.sent == [("PATCH", "streams/yard", body)]


def test_removing_a_stream_asks_first(daemon: FakeDaemon, visit: Open) -> None:
    page = visit().open("gate")
    page.get_by_role("button", name="Remove").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert daemon.sent == []
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.get_by_role("heading", name="yard")).to_be_visible()
    daemon.streams.clear()
    expect(page.get_by_role("heading", name="No streams yet")).to_be_visible()
    page.goto(f"{daemon.url}#/gate")
    expect(page.get_by_role("heading", name="There is no stream “gate”")).to_be_visible()


FILE = "/rec/%Y-%m-%d/yard_%H%M%S.mp4"


def test_recordings_are_listed_by_day_played_and_downloaded(daemon: FakeDaemon, visit: Open) -> None:
    daemon.streams["yard"]["outputs"] = [{"url": FILE, "trouble": ""}]
    daemon.recordings["yard"] = recordings(400)
    there = visit()
    page = there.open("gate")
    expect(page.get_by_role("heading", name="gate")).to_be_visible()
    expect(page.get_by_role("link", name="Recordings")).to_be_hidden()
    page = there.open("yard")
    page.get_by_role("link", name="Recordings").click()
    expect(page.get_by_role("heading", name="Recordings of yard")).to_be_visible()
    expect(page.locator(".recordings .since")).to_have_text("400 files, 17.7 GB · kept for 14d and up to 500GB in all")
    rows = page.locator(".files li")
    expect(rows).to_have_count(300)
    expect(rows.first).to_contain_text("being recorded")
    expect(rows.nth(1)).to_contain_text("10 min · 42.3 MB")
    page.get_by_role("button", name="Show older ones (100)").click()
    expect(rows).to_have_count(400)
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()
    rows.nth(2).get_by_role("button", name="Play").click()
    expect(rows.nth(2)).to_have_attribute("aria-current", "true")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0")
    page.locator("video").evaluate("video => { video.currentTime = video.duration; }")
    expect(rows.nth(1)).to_have_attribute("aria-current", "true")  # the one that follows
    with page.expect_download() as saved:
        rows.nth(4).get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == daemon.recordings["yard"][4]["name"].rpartition("/")[2]
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".player")).to_be_hidden()
    page.get_by_role("link", name="Back to yard").click()
    expect(page.get_by_role("heading", name="yard", exact=True)).to_be_visible()


def test_recordings_up_to_a_time(daemon: FakeDaemon, visit: Open) -> None:
    daemon.recordings["yard"] = recordings(200)
    page = visit().open("yard/recordings")
    rows = page.locator(".files li")
    expect(rows).to_have_count(200)
    page.get_by_label("Up to").fill("2001-01-01T12:00")
    expect(rows).to_have_count(0)
    expect(page.get_by_text("There is no recording yet.")).to_be_hidden()
    expect(page.get_by_text("There is none that had begun by then.")).to_be_visible()
    page.get_by_label("Up to").fill("")
    expect(rows).to_have_count(200)


def test_what_the_browser_cannot_play_can_be_downloaded(daemon: FakeDaemon, visit: Open) -> None:
    daemon.recordings["yard"] = recordings(3, "2/yard_%s.flv")
    there = visit()
    page = there.open("yard/recordings")
    page.locator(".files li").nth(1).get_by_role("button", name="Play").click()
    expect(page.get_by_role("alert").filter(has_text="This browser cannot play it")).to_be_visible()
    expect(page.locator(".player").get_by_role("link", name="Download")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_recordings_can_be_read_on_a_phone(daemon: FakeDaemon, visit: Open, scheme: str) -> None:
    daemon.recordings["yard"] = recordings(30, f"1/{'x' * 60}_%s.mp4")
    there = visit(size=(320, 700), scheme=scheme)
    page = there.open("yard/recordings")
    expect(page.locator(".files li")).to_have_count(30)
    page.locator(".files li").nth(1).get_by_role("button", name="Play").tap()
    expect(page.locator("video")).to_be_visible()
    assert (there.look("overflow"), there.look("small")) == (0, [])
    seen = there.look("faint")
    assert seen["looked"] > 60 and seen["faint"] == []


def test_on_a_phone_list_and_stream_are_pages_of_their_own(visit: Open) -> None:
    page = visit(size=PHONE).open()
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator("article")).to_have_count(0)
    page.get_by_role("link", name="gate").tap()
    expect(page.get_by_role("heading", name="gate")).to_be_visible()
    expect(page.locator(".list")).to_be_hidden()
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    page.get_by_role("link", name="All streams", exact=True).tap()
    expect(page.locator(".list")).to_be_visible()
    expect(page.locator("article")).to_have_count(0)


def test_who_may_look_only_is_shown_no_button_that_changes_anything(daemon: FakeDaemon, visit: Open) -> None:
    daemon.may_change = False
    there = visit()
    page = there.open("yard")
    expect(page.locator(".compare")).to_have_attribute("data-pictures", re.compile(r"\d"))
    expect(page.get_by_text("Look only")).to_be_visible()
    for name in ("Add a stream", "Start", "Stop", "Edit", "Remove"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    shown = {name for b in page.get_by_role("button").all() if (name := b.get_attribute("title") or b.inner_text())}
    assert shown == {"Pause", "Fit", "1:1", "2:1", "4:1", "Full screen", "Dark colours"}
    daemon.streams.clear()
    there.poll()
    expect(page.get_by_role("heading", name="There is no stream “yard”")).to_be_visible()
    page = there.open()
    expect(page.get_by_role("heading", name="No streams yet")).to_be_visible()
    expect(page.get_by_role("button", name="Add a stream")).to_have_count(0)


def test_changes_that_end_with_the_daemon_are_told_and_written_down(daemon: FakeDaemon, visit: Open) -> None:
    there = visit()
    page = there.open("yard")
    strip = page.locator("#unsaved")
    expect(page.locator("article .badge")).to_have_text("Running")
    expect(strip).to_be_hidden()
    daemon.unsaved = {"added": ["porch"], "changed": ["yard", "gate"], "removed": []}
    page.get_by_role("button", name="Stop").click()
    expect(strip).to_contain_text("Until the daemon ends: porch added, yard and gate changed.")
    assert there.look("faint")["faint"] == []
    daemon.refuse = {"status": 409, "detail": "streams.toml has changed since the daemon read it; reload it first"}
    page.get_by_role("button", name="Write to the file").click()
    expect(page.get_by_role("alert").filter(has_text="reload it first")).to_be_visible()
    page.get_by_role("button", name="Write to the file").click()
    expect(strip).to_contain_text("Written to /etc/streamfix/streams.toml. The file before it is")
    expect(page.get_by_role("button", name="Write to the file")).to_be_hidden()
    assert daemon.sent[-1][1] == "save"
    there.forgive(AWAY)


def test_a_token_is_asked_for_and_kept_as_a_cookie(daemon: FakeDaemon, visit: Open) -> None:
    daemon.token = "correct-horse-battery"
    there = visit()
    page = there.open()
    expect(page.get_by_role("dialog", name="Log in")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("That is not the daemon's token.")).to_be_visible()
    assert "yard" not in page.content()
    page.get_by_label("Token").fill(daemon.token)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="yard")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="yard")).to_be_visible()
    assert page.evaluate("document.cookie + JSON.stringify(localStorage)").find(daemon.token) == -1
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    there.forgive(AWAY)


# -- zones, and what a camera sees


def pictured(page: Any) -> None:
    """Wait until the dialog shows the camera's picture."""
    image = page.locator(".board img")
    until(lambda: image.evaluate("image => image.naturalWidth") > 0, "a picture to draw on")


def test_zones_are_drawn_on_the_picture(daemon: FakeDaemon, visit: Open) -> None:
    daemon.streams["yard"]["zones"] = {"door": "0.62 0.1, 0.8 0.1, 0.8 0.55"}
    there = visit()
    page = there.open("yard")
    page.get_by_role("button", name="Zones").click()
    pictured(page)
    page.get_by_role("button", name="New zone").click()
    page.get_by_role("button", name="Cover these").click()  # an empty one is none
    expect(page.locator("dialog")).to_have_count(0)
    assert daemon.sent[-1] == ("PUT", "streams/yard/zones", {"zones": daemon.streams["yard"]["zones"]})
    page.get_by_role("button", name="Zones").click()
    pictured(page)
    page.get_by_role("button", name="New zone").click()
    board = page.locator(".board").bounding_box()
    spots = [(board["x"] + x * board["width"], board["y"] + y * board["height"]) for x, y in ((0.1, 0.2), (0.4, 0.2))]
    for spot in spots:
        page.mouse.click(*spot)
    page.get_by_role("button", name="Cover these").click()
    expect(page.locator("dialog .notice")).to_have_text("zone 2 has 2 corners; a zone needs 3.")
    board = page.locator(".board").bounding_box()  # what was told lies above it now
    page.mouse.click(board["x"] + 0.4 * board["width"], board["y"] + 0.7 * board["height"])
    page.get_by_role("button", name=re.compile("Corner 3 of zone 2")).press("ArrowRight")
    page.get_by_label("Name of zone 2").fill("window")
    assert (there.look("small"), there.look("faint")["faint"]) == ([], [])
    page.get_by_role("button", name="Cover these").click()
    expect(page.locator("dialog")).to_have_count(0)
    zones = daemon.sent[-1][2]["zones"]
    assert list(zones) == ["door", "window"]
    corners = [[float(value) for value in pair.split()] for pair in zones["window"].split(",")]
    assert corners == [pytest.approx(each, abs=0.01) for each in ([0.1, 0.2], [0.4, 0.2], [0.405, 0.7])]


def test_zones_fit_a_phone(daemon: FakeDaemon, visit: Open) -> None:
    daemon.streams["yard"]["zones"] = {"door": "0 0, 1 0, 1 1, 0 1"}
    there = visit(size=PHONE)
    page = there.open("yard")
    page.get_by_role("button", name="Zones").tap()
    pictured(page)
    picture, shapes = (page.locator(f".board {part}").bounding_box() for part in ("img", "svg"))
    assert picture == pytest.approx(shapes)
    page.get_by_role("button", name="Change door").tap()
    assert (there.look("overflow"), there.look("small")) == (0, [])


def test_what_a_camera_does_not_see_is_told_and_can_be_learnt_anew(daemon: FakeDaemon, visit: Open) -> None:
    fault = {"kind": "moved", "since": time.time() - 75, "text": "the camera was moved (by 2.1%)"}
    daemon.streams["yard"]["health"] = {"faults": [fault], "sharpness": 0.2, "unjudged": ""}
    there = visit()
    page = there.open("yard")
    expect(page.locator(".sight")).to_contain_text("The camera was moved (by 2.1%), for 1 min.")
    expect(page).to_have_title("(1) yard – streamfix")
    assert there.look("faint")["faint"] == []
    page.get_by_role("button", name="learn anew").click()
    until(lambda: ("POST", "streams/yard/relearn", {}) in daemon.sent, "the daemon to be asked")
    daemon.streams["yard"]["health"] = {"faults": [], "sharpness": 0.97, "unjudged": "", "mode": "infrared"}
    there.poll()
    expect(page.locator(".sight")).to_be_hidden()
    expect(page.get_by_text("well: 97 % of its usual edges, under infrared light")).to_be_visible()
