// A stream's recordings: a list by day, a player, and links to download.

import { api } from "./api.js";
import { button, icon, make, mark, say } from "./dom.js";
import { count, day, known, plural, size, span, timeOfDay } from "./format.js";

const PAGE = 300; // recordings asked for at once
const AGAIN_MS = 20_000; // while the newest are shown

const begunOf = ({ begun, changed }) => begun ?? changed;

/** 12:00:00 – 12:01:00, or only the end where the name does not tell the beginning. */
function when({ begun, changed, writing }) {
  if (!known(begun)) return `until ${timeOfDay(changed)}`;
  return writing ? `since ${timeOfDay(begun)}` : `${timeOfDay(begun)} – ${timeOfDay(Math.max(begun, changed))}`;
}

export class RecordingsView {
  /** failed(error): a read failed. */
  constructor(name, failed) {
    Object.assign(this, { name, failed, files: [], rows: new Map(), chosen: null, read_ms: -AGAIN_MS });
    this.total = make("p.since", {}, "Reading the disk …");
    this.list = make("div.days");
    this.older = button("Show older ones", { hidden: true, onclick: () => this.more() });
    this.until = make("input", { type: "datetime-local", name: "until", onchange: () => this.restart() });
    this.video = make("video", { controls: true, playsinline: true, preload: "metadata" });
    this.caption = make("span.what");
    this.trouble = make("p.notice", { role: "alert", hidden: true });
    this.save = make("a.button", { download: "" }, icon("save"), make("span", {}, "Download"));
    this.player = make(
      "section.player",
      { "aria-label": "Player", hidden: true },
      this.video,
      this.trouble,
      make(
        "div.tools",
        {},
        this.caption,
        this.save,
        button("Close", { icon: "close", quiet: true, onclick: () => this.leave() }),
      ),
    );
    this.video.addEventListener("error", () => this.video.hasAttribute("src") && this.cannot());
    this.video.addEventListener("ended", () => this.next());
    this.element = make(
      "article.stream.recordings",
      { "aria-labelledby": "stream-name" },
      make(
        "header.head",
        {},
        make(
          "a.button.square",
          { href: `#/${encodeURIComponent(name)}`, "aria-label": `Back to ${name}` },
          button("", { icon: "back" }).firstChild,
        ),
        make(
          "div.title",
          {},
          make("h1", { id: "stream-name", tabindex: "-1" }, `Recordings of ${name}`),
          this.total,
        ),
        make("label.upto", {}, make("span", {}, "Up to"), this.until),
      ),
      this.player,
      this.list,
      make("p.actions", {}, this.older),
    );
  }

  /** Called with each poll: reads the newest again now and then. */
  update() {
    const newest = !this.until.value && this.files.length <= PAGE;
    if (newest && performance.now() - this.read_ms >= AGAIN_MS) this.restart();
  }

  restart() {
    this.read_ms = performance.now();
    return this.read({}, []);
  }

  more() {
    return this.read({ before: this.files.at(-1).name }, this.files);
  }

  async read(query, before) {
    const until_s = new Date(this.until.value).getTime() / 1000;
    mark(this.older, "disabled", true);
    try {
      const found = await api.recordings(this.name, {
        limit: PAGE,
        ...query,
        ...(known(until_s) ? { until: until_s } : {}),
      });
      if (this.closed) return;
      this.files = [...before, ...found.files];
      this.show(found);
    } catch (error) {
      if (!this.closed) say(this.total, error.message);
      this.failed(error);
    } finally {
      mark(this.older, "disabled", false);
    }
  }

  show({ records, count: all, bytes, left, retention }) {
    const { max_age: age, max_size: most } = retention;
    const limits = [age ? `for ${age}` : "", most ? `up to ${most} in all` : ""].filter(Boolean);
    const kept = limits.length ? `kept ${limits.join(" and ")}` : "kept for ever";
    say(this.total, records ? `${plural(all, "file")}, ${size(bytes)} · ${kept}` : "No output of this stream is a file.");
    const days = new Map();
    for (const file of this.files) {
      const title = day(begunOf(file));
      days.set(title, [...(days.get(title) ?? []), this.row(file)]);
    }
    const shown = new Set(this.files.map((file) => file.name));
    for (const name of this.rows.keys()) if (!shown.has(name)) this.rows.delete(name);
    this.list.replaceChildren(
      ...[...days].map(([title, rows]) =>
        make("section.panel", { "aria-label": title }, make("h2", {}, title), make("ul.files", {}, ...rows)),
      ),
      ...(this.files.length || !records ? [] : [make("p.none", {}, this.until.value ? "There is none that had begun by then." : "There is no recording yet.")]),
    );
    mark(this.older, "hidden", left === 0);
    say(this.older.lastChild, `Show older ones (${count(left)})`);
  }

  /** The row of a file, made once, so that the focus stays when the list is read again. */
  row(file) {
    const known_row = this.rows.get(file.name);
    const row = known_row ?? { time: make("b"), about: make("span.about") };
    const length_s = known(file.begun) ? file.changed - file.begun : null;
    say(row.time, when(file));
    say(row.about, [length_s > 0 ? span(length_s) : "", size(file.bytes), file.writing ? "being recorded" : ""].filter(Boolean).join(" · "));
    if (!known_row) {
      const title = file.name.split("/").at(-1);
      row.play = button("Play", { icon: "play", "aria-label": `Play ${title}`, onclick: () => this.play(file.name) });
      row.element = make(
        "li",
        { title },
        make("span.taken", {}, row.time, row.about),
        row.play,
        make(
          "a.button.square",
          { href: api.recording(this.name, file.name, true), download: "", "aria-label": `Download ${title}`, title: "Download" },
          icon("save"),
        ),
      );
      this.rows.set(file.name, row);
    }
    mark(row.element, "aria-current", file.name === this.chosen ? "true" : null);
    return row.element;
  }

  play(name) {
    this.mark(name);
    mark(this.trouble, "hidden", true);
    mark(this.player, "hidden", false);
    const file = this.files.find((each) => each.name === name);
    say(this.caption, `${day(begunOf(file))}, ${when(file)}`);
    mark(this.save, "href", api.recording(this.name, name, true));
    this.video.src = api.recording(this.name, name);
    this.video.play().catch(() => {}); // the error event says why
    this.player.scrollIntoView({ block: "nearest" });
  }

  /** The recording that follows the one that has ended. */
  next() {
    const at = this.files.findIndex((file) => file.name === this.chosen);
    if (at > 0) this.play(this.files[at - 1].name);
  }

  mark(name) {
    this.chosen = name;
    for (const [each, { element }] of this.rows) mark(element, "aria-current", each === name ? "true" : null);
  }

  cannot() {
    say(this.trouble, "This browser cannot play it; it can be downloaded.");
    mark(this.trouble, "hidden", false);
  }

  leave() {
    this.mark(null);
    this.video.removeAttribute("src");
    this.video.load();
    mark(this.player, "hidden", true);
  }

  close() {
    this.closed = true;
    this.leave();
    this.element.remove();
  }
}
