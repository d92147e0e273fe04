// The list of streams: one row each, updated in place.

import { api } from "./api.js";
import { icon, make, mark, say } from "./dom.js";
import { Badge, inShort, needsCare, stateOf } from "./states.js";

const SNAPSHOT_MS = 15_000;

class Row {
  constructor(name) {
    this.badge = new Badge();
    this.figures = make("span.figures");
    this.picture = make("img", { alt: "", hidden: true, decoding: "async", width: 96, height: 54 });
    this.picture.addEventListener("load", () => mark(this.picture, "hidden", false));
    this.picture.addEventListener("error", () => mark(this.picture, "hidden", true));
    this.link = make(
      "a.row",
      { href: `#/${encodeURIComponent(name)}` },
      make("span.thumb", {}, icon("camera"), this.picture),
      make("span.about", {}, make("span.name", {}, name), this.badge.element, this.figures),
    );
    this.element = make("li", {}, this.link);
    this.name = name;
    this.taken_ms = -SNAPSHOT_MS;
  }

  update(stream, selected) {
    this.badge.update(stream);
    say(this.figures, inShort(stream));
    mark(this.link, "aria-current", selected ? "page" : null);
    mark(this.link, "data-look", stateOf(stream).tone);
    const moving = stream.state === "running" || stream.state === "degraded";
    const last = stream.state === "reconnecting" && this.taken_ms < 0 && stream.received > 0;
    if (
      ((moving && stream.received > 0) || last) &&
      !document.hidden &&
      performance.now() - this.taken_ms >= SNAPSHOT_MS
    ) {
      this.taken_ms = performance.now();
      this.picture.src = api.snapshot(this.name, 192);
    }
  }
}

export class List {
  constructor(element) {
    this.rows = new Map();
    this.ul = make("ul");
    this.empty = make(
      "p.none",
      { hidden: true },
      "No streams yet. Add one here or in the daemon's configuration.",
    );
    this.all = make("a.button.all", { href: "#/*", hidden: true }, icon("grid"), make("span", {}, "Live pictures"));
    element.append(make("h2.hear", {}, "Streams"), this.all, this.ul, this.empty);
  }

  update(streams, selected) {
    const names = new Set(streams.map((s) => s.name));
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      row.element.remove();
      this.rows.delete(name);
    }
    streams.forEach((stream, i) => {
      let row = this.rows.get(stream.name);
      if (!row) {
        row = new Row(stream.name);
        this.rows.set(stream.name, row);
      }
      if (this.ul.children[i] !== row.element) this.ul.insertBefore(row.element, this.ul.children[i] ?? null);
      row.update(stream, stream.name === selected);
    });
    mark(this.empty, "hidden", streams.length > 0);
    mark(this.all, "hidden", streams.length < 2);
  }
}

/** The state of all streams in a sentence. */
export function summary(streams) {
  if (!streams.length) return "";
  const ill = streams.filter(needsCare).length;
  const off = streams.filter((s) => s.state === "stopped").length;
  const of = streams.length === 1 ? "1 stream" : `${streams.length} streams`;
  const tail = [ill ? `${ill} need${ill === 1 ? "s" : ""} attention` : "", off ? `${off} stopped` : ""].filter(Boolean);
  return [of, ...(tail.length ? tail : ["all well"])].join(" · ");
}
