// The live view: the camera's picture left of a line, the restored one right of it.

import { button, drag, make, mark, say } from "./dom.js";
import { Feed } from "./mjpeg.js";
import { Zoom } from "./zoom.js";

const FPS = 12;
const WIDTHS = [480, 960, 1440, 4096]; // few, since the daemon encodes each width once for all viewers
const KEYS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10 };

export class Compare {
  /** url(fps, width): the source of pictures whose left half is before and right half after, each at most that wide. */
  constructor(url) {
    Object.assign(this, { url, feed: null, paused: false, drawn: false, pictures: 0 });
    this.canvases = [make("canvas"), make("canvas")];
    this.knob = make(
      "div.divider",
      {
        role: "slider",
        tabindex: "0",
        "aria-label": "Line between before and after",
        "aria-orientation": "horizontal",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        onkeydown: (event) => this.key(event),
      },
      make("span.grip", { "aria-hidden": "true" }),
    );
    this.words = make("p.over", { hidden: true });
    this.after = make("span.side.right", { "aria-hidden": "true" }, "After");
    this.frame = make(
      "div.frame",
      { onpointerdown: (event) => this.press(event) },
      make("div.layer.before", {}, this.canvases[0]),
      make("div.layer.after", {}, this.canvases[1]),
      make("span.side.left", { "aria-hidden": "true" }, "Before"),
      this.after,
      this.knob,
      this.words,
    );
    this.zoom = new Zoom(this.frame, this.canvases, () => this.follow());
    this.hold = button("Pause", { icon: "pause", kind: "hold", onclick: () => this.pause(!this.paused) });
    this.full = button("Full screen", {
      icon: "full",
      quiet: true,
      hidden: !document.fullscreenEnabled,
      onclick: () => this.fullscreen(),
    });
    this.element = make(
      "section.compare",
      { "aria-label": "Live view, before and after" },
      this.frame,
      make("div.tools", {}, this.hold, this.zoom.element, this.full),
    );
    this.seen = () => this.follow();
    document.addEventListener("visibilitychange", this.seen);
    this.move(50);
  }

  /**
   * Show pictures while `wanted`; words: text over the dimmed picture; lost: whether to show it as an alarm;
   * through: whether the picture after is the one before.
   */
  show(wanted, words, lost, through) {
    say(this.after, through ? "Pass-through" : "After");
    this.through = through;
    this.move(this.at);
    this.wanted = wanted;
    this.follow();
    this.given = words;
    this.wait(this.trouble);
    this.frame.classList.toggle("lost", lost);
    this.frame.classList.toggle("still", Boolean(words));
    mark(this.hold, "disabled", Boolean(words));
  }

  /** Say why there is no picture; trouble: the daemon's reason. */
  wait(trouble = "") {
    this.trouble = trouble;
    const shown = this.given || (this.wanted && !this.drawn ? trouble || "Waiting for the first picture …" : "");
    say(this.words, shown);
    mark(this.words, "hidden", !shown);
  }

  /** Connect or disconnect, depending on the stream, the pause button, the tab and the size on the screen. */
  follow() {
    const run = this.wanted && !this.paused && !document.hidden;
    const url = run ? this.url(FPS, this.width()) : null;
    if (url === (this.feed?.url ?? null)) return;
    this.feed?.stop();
    this.feed = run
      ? new Feed(
          url,
          (jpeg) => this.take(jpeg),
          (trouble) => this.wait(trouble),
        )
      : null;
  }

  /** The width of pictures to ask for; the full width when zoomed in. */
  width() {
    const wanted = this.frame.clientWidth * devicePixelRatio;
    return (!this.zoom.zoomed && WIDTHS.find((width) => width >= wanted)) || WIDTHS.at(-1);
  }

  /** Both sides arrive in one picture, so that they show the same moment. */
  async take(jpeg) {
    const both = await createImageBitmap(jpeg);
    const [width, height] = [both.width >> 1, both.height];
    this.canvases.forEach((canvas, side) => {
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      canvas.getContext("2d", { alpha: false }).drawImage(both, side * width, 0, width, height, 0, 0, width, height);
    });
    both.close();
    this.zoom.sized(width, height);
    this.pictures += 1;
    mark(this.element, "data-pictures", this.pictures);
    this.drawn = true;
    this.wait();
  }

  /** Move the line to this percentage from the left. */
  move(percent) {
    this.at = Math.min(100, Math.max(0, percent));
    this.frame.style.setProperty("--at", `${this.at}%`);
    mark(this.knob, "aria-valuenow", Math.round(this.at));
    mark(this.knob, "aria-valuetext", `${Math.round(this.at)} % before, ${Math.round(100 - this.at)} % ${this.through ? "passed through" : "after"}`);
  }

  press(event) {
    if (event.button !== 0) return;
    if (this.zoom.zoomed && !event.target.closest(".divider")) {
      this.zoom.drag(event);
      return;
    }
    const move = (at) => {
      const box = this.frame.getBoundingClientRect();
      this.move(((at.clientX - box.left) / box.width) * 100);
    };
    drag(this.frame, event, move);
    this.knob.focus({ preventScroll: true });
    event.preventDefault(); // dragging the line must not select text
    move(event);
  }

  key(event) {
    const step = KEYS[event.key];
    if (step) this.move(this.at + step);
    else if (event.key === "Home") this.move(0);
    else if (event.key === "End") this.move(100);
    else return;
    event.preventDefault();
  }

  pause(paused) {
    this.paused = paused;
    this.hold.replaceChildren(...button(paused ? "Resume" : "Pause", { icon: paused ? "play" : "pause" }).childNodes);
    this.follow();
  }

  async fullscreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this.element.requestFullscreen();
  }

  close() {
    this.wanted = false;
    this.follow();
    this.zoom.close();
    document.removeEventListener("visibilitychange", this.seen);
  }
}
