// How a stream's state is named and shown: by word, shape and colour, never by colour alone.

import { draw, make, mark, say } from "./dom.js";
import { now_s } from "./api.js";
import { fixed, known, latency, span } from "./format.js";

const STATES = {
  starting: { word: "Starting", tone: "info", shape: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5", open: true },
  running: { word: "Running", tone: "good", shape: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z" },
  degraded: { word: "Degraded", tone: "warn", shape: "M8 2.2L14.6 13.6H1.4z" },
  reconnecting: {
    word: "Camera lost",
    tone: "bad",
    shape: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 0 0 0-11zM4 4l8 8",
    open: true,
  },
  stopped: { word: "Stopped", tone: "quiet", shape: "M4 4h8v8H4z" },
  error: { word: "Error", tone: "bad", shape: "M4 4l8 8M12 4l-8 8", open: true },
};
const UNKNOWN = { tone: "quiet", shape: "M3 8h10", open: true };

const ABSENT = { ...STATES.reconnecting, word: "No camera" };
const PATIENCE_S = 15; // a stream that is still starting after this needs attention

/** { word, tone, shape, open } of a stream. */
export function stateOf({ state, since }) {
  if (state === "starting" && known(since) && now_s() - since > PATIENCE_S) return ABSENT;
  return STATES[state] ?? { ...UNKNOWN, word: state };
}

export const needsCare = (stream) =>
  ["bad", "warn"].includes(stateOf(stream).tone) || Boolean(stream.health?.faults?.length);

/** True if the pictures after the filters are those before: there are none, or they were too slow. */
export const passesThrough = ({ filters, rung, rung_name }) =>
  !filters || filters === "null" || (rung > 0 && ["", "null", "pass-through"].includes(rung_name ?? ""));

/** "next try in 42 s", empty where none is waited for. */
export const nextTry = ({ next_try }) =>
  known(next_try) ? `next try in ${span(Math.max(0, next_try - now_s()))}` : "";

/** A badge that shows a stream's state. */
export class Badge {
  constructor() {
    this.path = draw("path");
    this.word = make("span");
    this.element = make(
      "span.badge",
      {},
      draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, this.path),
      this.word,
    );
  }

  update(stream) {
    const { word, tone, shape, open } = stateOf(stream);
    mark(this.element, "data-tone", tone);
    mark(this.element, "data-waits", tone === "info");
    mark(this.path, "d", shape);
    mark(this.path, "data-open", Boolean(open));
    say(this.word, word);
  }
}

/** In a few words: how it is running, or what is wrong. */
export function inShort(stream) {
  switch (stream.state) {
    case "running":
    case "degraded":
      return `${fixed(stream.fps, 1)} fps · ${latency(stream.latency?.p50)}`;
    case "reconnecting":
      return known(stream.last_frame_s) ? `no picture for ${span(now_s() - stream.last_frame_s)}` : "no picture";
    case "stopped":
      return "";
    default:
      return stream.reason ?? "";
  }
}

export const droppedOf = (stream) => Object.values(stream.dropped ?? {}).reduce((sum, n) => sum + n, 0);
