// A stream's figures: four large ones, where all frames went, and how the stream is configured.

import { now_s } from "./api.js";
import { make, mark, say } from "./dom.js";
import { NONE, count, fixed, known, latency, percent, span } from "./format.js";
import { droppedOf } from "./states.js";

const TILES = ["Frame rate", "Latency, median", "Dropped", "Noise"];

export class Facts {
  constructor() {
    this.large = TILES.map(() => ({ value: make("b"), note: make("span.note") }));
    this.tiles = make(
      "dl.tiles",
      {},
      ...TILES.map((name, i) =>
        make("div.tile", {}, make("dt", {}, name), make("dd", {}, this.large[i].value, this.large[i].note)),
      ),
    );
    this.frames = new Pairs(".numbers");
    this.setup = new Pairs();
    this.element = make(
      "div.stack",
      {},
      make("section.panel", { "aria-label": "Frames" }, make("h2", {}, "Frames"), this.frames.element),
      make("section.panel", { "aria-label": "Set-up" }, make("h2", {}, "Set-up"), this.setup.element),
    );
  }

  update(stream) {
    const dropped = droppedOf(stream);
    const noise = stream.noise ?? {};
    const p99 = stream.latency?.p99;
    const budget = stream.max_latency;
    const tiles = [
      [fixed(stream.fps, 1), known(stream.size?.[0]) ? `${stream.size[0]} × ${stream.size[1]}` : ""],
      [latency(stream.latency?.p50), known(p99) ? `p99 ${latency(p99)}` : ""],
      [count(dropped), stream.received ? `${share(dropped, stream.received)} of ${count(stream.received)}` : ""],
      [fixed(noise.luma, 1), known(noise.chroma) ? `chroma ${fixed(noise.chroma, 1)}` : ""],
    ];
    tiles.forEach(([value, note], i) => {
      say(this.large[i].value, value);
      say(this.large[i].note, note);
    });
    mark(
      this.large[1].value.closest(".tile"),
      "data-tone",
      known(p99) && known(budget) && p99 > budget ? "warn" : null,
    );
    this.frames.update([
      ["Received", count(stream.received)],
      ["Written", count(stream.written)],
      ...Object.entries(stream.dropped ?? {})
        .filter(([, n]) => n > 0)
        .map(([why, n]) => [`Dropped: ${why}`, count(n)]),
      ["In flight", count(stream.received - stream.written - dropped)],
      ["Later than allowed", count(stream.late)],
      ["Damaged by camera or network", count(stream.damaged)],
      ["Filled in for missing frames", count(stream.standing_in)],
      ["Reconnects", count(stream.reconnects)],
      ["Last picture", known(stream.last_frame_s) ? `${span(now_s() - stream.last_frame_s)} ago` : NONE],
    ]);
    this.setup.update([
      ["Input", stream.input],
      ...(stream.node ? [["Runs on", stream.node]] : []),
      ["Filters", stream.filters || "none: pictures pass through"],
      ...(stream.rung > 0 ? [["Running instead", stream.rung_name || "pictures pass through"]] : []),
      ...(stream.outputs ?? []).map((o, i, all) => [all.length > 1 ? `Output ${i + 1}` : "Output", o.url, o.trouble]),
      ...(stream.health ? [["What it sees", sight(stream.health)]] : []),
      ...(known(budget) ? [["Latency allowed", latency(budget)]] : []),
    ]);
  }
}

/** A list of names and values that updates only what has changed. */
class Pairs {
  constructor(kind = "") {
    this.element = make(`dl.pairs${kind}`);
    this.items = [];
  }

  /** rows: [name, value, trouble?] */
  update(rows) {
    while (this.items.length > rows.length) this.items.pop().box.remove();
    while (this.items.length < rows.length) {
      const item = { name: make("dt"), value: make("span"), trouble: make("strong") };
      item.box = make("div", {}, item.name, make("dd", {}, item.value, item.trouble));
      this.element.append(item.box);
      this.items.push(item);
    }
    rows.forEach(([name, value, trouble], i) => {
      say(this.items[i].name, name);
      say(this.items[i].value, value ?? NONE);
      say(this.items[i].trouble, trouble ?? "");
    });
  }
}

/** In a few words. */
function sight({ faults, unjudged, sharpness, mode }) {
  if (faults?.length) return faults.map(({ kind }) => kind).join(", ");
  if (unjudged) return `not judged: ${unjudged}`;
  return `well: ${percent(sharpness)} of its usual edges${mode === "infrared" ? ", under infrared light" : ""}`;
}

function share(part, whole) {
  const value = part / whole;
  return value > 0 && value < 0.01 ? `${(value * 100).toFixed(value < 0.0001 ? 3 : 2)} %` : percent(value);
}
