// One stream: state and reason, live view, figures, charts, set-up and log.

import { api, now_s } from "./api.js";
import { Charts } from "./charts.js";
import { Compare } from "./compare.js";
import { button, icon, make, mark, say } from "./dom.js";
import { Facts } from "./facts.js";
import { clock, known, span } from "./format.js";
import { Log } from "./log.js";
import { Badge, nextTry, passesThrough, stateOf } from "./states.js";

const HISTORY_MS = 5000;
const PICTURED = new Set(["running", "degraded", "reconnecting"]); // the last picture stays while a camera is gone
const LEARNT = new Set(["defocused", "covered", "moved", "dirty"]); // faults that are told from what it usually sees
const ACTIVE = new Set(["running", "degraded", "reconnecting", "starting"]);

export class StreamView {
  /** acts: { start, stop, edit, remove }, each called with the stream's name; failed(error): a read failed. */
  constructor(name, acts, failed) {
    Object.assign(this, { name, failed, read_ms: -HISTORY_MS });
    this.badge = new Badge();
    this.since = make("span.since");
    this.reason = make("p.reason", { hidden: true });
    this.notice = make("p.notice", { role: "alert", hidden: true });
    this.compare = new Compare((fps, width) => api.live(name, fps, width));
    this.facts = new Facts();
    this.charts = new Charts();
    this.log = new Log();
    const act = (label, { kind, ...options }, work) =>
      button(label, { kind: kind ? `${kind}.changes` : "changes", ...options, onclick: () => this.act(work) });
    this.begin = act("Start", { icon: "play", kind: "primary" }, () => acts.start(name));
    this.end = act("Stop", { icon: "stop" }, () => acts.stop(name));
    this.recordings = make(
      "a.button.listed",
      { href: `#/${encodeURIComponent(name)}/recordings`, hidden: true },
      icon("film"),
      make("span", {}, "Recordings"),
    );
    this.buttons = [
      this.begin,
      this.end,
      act("Edit", { icon: "edit" }, () => acts.edit(name)),
      act("Zones", { icon: "cover" }, () => acts.zones(name)),
      act("Remove", { icon: "remove", quiet: true }, () => acts.remove(name)),
    ];
    this.again = act("Try now", { icon: "reload" }, () => acts.retry(name));
    this.buttons.push(this.again);
    this.waits = make("span");
    this.ill = make("span");
    this.learn = act("It looks right: learn anew", { icon: "reload" }, () => acts.relearn(name));
    this.buttons.push(this.learn);
    this.sight = make("p.sight", { role: "alert", hidden: true }, this.ill, this.learn);
    this.next = make("p.next", { hidden: true }, this.waits, this.again);
    this.element = make(
      "article.stream",
      { "aria-labelledby": "stream-name" },
      make(
        "header.head",
        {},
        make(
          "a.button.square.back",
          { href: "#/", "aria-label": "All streams" },
          button("", { icon: "back" }).firstChild,
        ),
        make(
          "div.title",
          {},
          make("h1", { id: "stream-name", tabindex: "-1" }, name),
          make("p.state", {}, this.badge.element, this.since),
        ),
        make("div.actions", {}, this.recordings, ...this.buttons.filter((b) => b !== this.again && b !== this.learn)),
      ),
      this.notice,
      this.reason,
      this.next,
      this.sight,
      this.compare.element,
      this.facts.tiles,
      this.charts.element,
      make("div.columns", {}, this.facts.element, this.log.element),
    );
    this.heard = make("p.hear", { role: "status" });
    this.element.append(this.heard);
  }

  /** stream: one item of the API's list. Fetches history and events on its own every five seconds. */
  update(stream) {
    this.stream = stream;
    const { word, tone } = stateOf(stream);
    this.badge.update(stream);
    say(this.since, known(stream.since) ? `for ${span(now_s() - stream.since)}` : "");
    mark(this.since, "title", known(stream.since) ? `since ${clock(stream.since)}` : null);
    say(this.reason, stream.reason ?? "");
    mark(this.reason, "hidden", !stream.reason || stream.reason === stream.state);
    mark(this.reason, "data-tone", tone);
    say(this.heard, `${this.name}: ${word}`);
    mark(this.begin, "hidden", ACTIVE.has(stream.state));
    mark(this.end, "hidden", stream.state === "stopped"); // a failed stream may still be retrying
    this.tries(stream);
    this.sees(stream);
    mark(this.recordings, "hidden", !(stream.outputs ?? []).some(({ url }) => url.startsWith("/")));
    this.compare.show(PICTURED.has(stream.state), this.overlay(stream), tone === "bad", passesThrough(stream));
    this.facts.update(stream);
    if (performance.now() - this.read_ms >= HISTORY_MS) this.read();
  }

  /** What is wrong with what the camera sees. */
  sees({ health }) {
    const faults = health?.faults ?? [];
    const said = faults.map(({ text, since }) => `${text[0].toUpperCase()}${text.slice(1)}, for ${span(now_s() - since)}.`);
    say(this.ill, said.join(" "));
    mark(this.sight, "hidden", !faults.length);
    mark(this.learn, "hidden", !faults.some(({ kind }) => LEARNT.has(kind)));
  }

  /** When the camera is asked again, and a button for now. An error that no other try would mend has no time. */
  tries(stream) {
    const next = nextTry(stream);
    const stuck = stream.state === "error";
    say(this.waits, next ? `${next[0].toUpperCase()}${next.slice(1)}.` : stuck ? "It is not tried again by itself." : "");
    mark(this.next, "hidden", !next && !stuck);
  }

  overlay(stream) {
    switch (stream.state) {
      case "reconnecting":
        return known(stream.last_frame_s) ? `No picture since ${clock(stream.last_frame_s)}` : "No picture";
      case "starting":
        return "Connecting to the camera …";
      case "stopped":
        return "Stopped";
      case "error":
        return "No picture: the stream has failed";
      default:
        return "";
    }
  }

  async read() {
    this.read_ms = performance.now();
    try {
      const [history, events] = await Promise.all([api.history(this.name), api.events(this.name)]);
      if (this.closed) return;
      this.charts.update(history, this.stream.max_latency);
      this.log.update(events);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Run a button's action. Meanwhile all buttons are disabled; an error is shown at the top. */
  async act(work) {
    this.buttons.forEach((b) => mark(b, "disabled", true));
    try {
      await work();
      this.tell("");
      this.read_ms = -HISTORY_MS;
    } catch (error) {
      this.tell(error.message);
    } finally {
      this.buttons.forEach((b) => mark(b, "disabled", false));
    }
  }

  tell(text) {
    say(this.notice, text);
    mark(this.notice, "hidden", !text);
  }

  close() {
    this.closed = true;
    this.compare.close();
    this.charts.close();
    this.element.remove();
  }
}
