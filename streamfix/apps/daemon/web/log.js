// What happened to a stream, newest first.

import { make, mark } from "./dom.js";
import { clock } from "./format.js";

const TONES = { lost: "bad", error: "bad", step: "warn", output: "warn", reconnect: "good", connect: "good" };
const SHOWN = 60;

export class Log {
  constructor() {
    this.ol = make("ol.log");
    this.empty = make("p.none", {}, "Nothing has happened yet.");
    this.element = make(
      "section.panel",
      { "aria-label": "Log" },
      make("h2", {}, "Log"),
      make(
        "div.scroll",
        { tabindex: "0", role: "region", "aria-label": "What happened, newest first" },
        this.ol,
        this.empty,
      ),
    );
  }

  /** events: [{ at, kind, text }], oldest first. */
  update(events) {
    const last = events.at(-1);
    const key = last ? `${events.length} ${last.at} ${last.text}` : "";
    if (key === this.key) return;
    this.key = key;
    const items = events
      .slice(-SHOWN)
      .reverse()
      .map(({ at, kind, text }) =>
        make(
          "li",
          { "data-tone": TONES[kind] ?? "quiet" },
          make("time", { datetime: new Date(at * 1000).toISOString() }, clock(at)),
          make("span", {}, text),
        ),
      );
    this.ol.replaceChildren(...items);
    mark(this.empty, "hidden", items.length > 0);
  }
}
