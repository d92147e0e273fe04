// Charts of the last hour, or of what there is of it. Each line's value stands beside its name: at the time under the
// pointer, otherwise the newest.

import { draw, make, mark, say } from "./dom.js";
import { NONE, clock, known, span } from "./format.js";
import { nearest, path, steps, times_of_day } from "./scale.js";

const MOST_S = 3600;
const LEAST_S = 600; // a new stream has less than an hour to show
const MARGIN = { left: 54, right: 10, top: 12, bottom: 20 };
const HEIGHT = 152;

/** One chart. series: [{ key, label, bars? }], show: formats a value, least: the axis reaches at least this far. */
export class Chart {
  constructor({ title, series, show, tick = show, least, pointed }) {
    Object.assign(this, { title, series, show_value: show, tick, least, pointed, at: null, data: null, limit: null });
    this.values = series.map((s) => make("b", {}, NONE));
    this.when = make("span.when");
    const legend = series.map((s, i) =>
      make(`span.key.${s.key}`, {}, make("i", { "aria-hidden": "true" }), s.label, this.values[i]),
    );
    this.svg = draw("svg", { role: "img", tabindex: "0", height: HEIGHT });
    this.empty = make("p.empty", {}, "Nothing measured yet");
    this.plot = make("div.plot", {}, this.svg, this.empty);
    this.element = make(
      "figure.chart",
      {},
      make("figcaption", {}, make("h3", {}, title), this.when, make("span.legend", {}, ...legend)),
      this.plot,
    );
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.pointed(null));
    this.svg.addEventListener("blur", () => this.pointed(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.render());
    this.watch.observe(this.plot);
  }

  /** history: t, and a list for each series; limit: { value, label } of a horizontal line, or null. */
  update(history, now_s, limit) {
    Object.assign(this, { data: history, now_s, limit });
    this.render();
  }

  render() {
    const width = this.plot.clientWidth;
    if (!width || !this.data) return;
    const { t: times, step_s } = this.data;
    const span_s = Math.min(MOST_S, Math.max(LEAST_S, this.now_s - (times[0] ?? this.now_s)));
    const from_s = this.now_s - span_s;
    const lists = this.series.map((s) => this.data[s.key] ?? []);
    const highest = Math.max(0, ...lists.flat().filter(known));
    const { top, marks } = steps(
      Math.max(highest, this.limit && this.limit.value < highest * 4 ? this.limit.value : 0),
      this.least,
    );
    const [w, h] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
    const x = (at_s) => MARGIN.left + ((at_s - from_s) / span_s) * w;
    const y = (value) => MARGIN.top + h - (value / top) * h;
    this.x = { from_s, of: (px) => from_s + ((px - MARGIN.left) / w) * span_s };
    mark(this.svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    mark(this.svg, "width", width);
    const shown = times.map((at_s) => at_s >= from_s);
    const within = (list) => list.map((value, i) => (shown[i] ? value : null));
    this.svg.replaceChildren(
      ...marks.map((value) => draw("path.grid", { d: `M${MARGIN.left} ${y(value)}h${w}` })),
      ...marks.map((value) => text(MARGIN.left - 8, y(value) + 4, "end", this.tick(value))),
      ...times_of_day(from_s, this.now_s, w < 360)
        .filter(([s]) => x(s) > MARGIN.left + 14 && x(s) < width - 22)
        .map(([s, words]) => text(x(s), HEIGHT - 4, "middle", words)),
      ...this.series.map((s, i) => (s.bars ? bars : line)(s.key, times, within(lists[i]), step_s, x, y)),
      ...(this.limit && this.limit.value <= top
        ? [
            draw("path.limit", { d: `M${MARGIN.left} ${y(this.limit.value)}h${w}` }),
            text(
              width - MARGIN.right,
              y(this.limit.value) + (y(this.limit.value) < MARGIN.top + 12 ? 13 : -5),
              "end",
              this.limit.label,
            ),
          ]
        : []),
      ...this.crosshair(times, lists, x, y, h),
    );
    const some = lists.some((list) => within(list).some(known));
    mark(this.empty, "hidden", some);
    mark(this.svg, "aria-label", some ? this.described(times, lists) : `${this.title}: nothing measured yet`);
  }

  crosshair(times, lists, x, y, h) {
    const i = this.at === null ? times.length - 1 : nearest(times, this.at);
    this.values.forEach((value, n) => say(value, i < 0 ? NONE : this.show_value(lists[n][i])));
    say(this.when, this.at === null || i < 0 ? "" : clock(times[i]));
    if (this.at === null || i < 0 || times[i] < this.x.from_s) return [];
    const dots = this.series.map(
      (s, n) => known(lists[n][i]) && draw(`circle.dot.${s.key}`, { cx: x(times[i]), cy: y(lists[n][i]), r: 3.5 }),
    );
    return [draw("path.cross", { d: `M${x(times[i])} ${MARGIN.top}v${h}` }), ...dots.filter(Boolean)];
  }

  /** The chart as a sentence, for screen readers. */
  described(times, lists) {
    const parts = this.series.map((s, n) => {
      const at = lists[n].reduce(
        (best, value, i) => (known(value) && (best < 0 || value > lists[n][best]) ? i : best),
        -1,
      );
      const most = at < 0 ? "" : `, at most ${this.show_value(lists[n][at])} at ${clock(times[at], { short: true })}`;
      return `${s.label} ${this.show_value(lists[n].at(-1))} now${most}`;
    });
    return `${this.title} over the last ${span(this.now_s - this.x.from_s)}: ${parts.join("; ")}`;
  }

  point(event) {
    if (this.x) this.pointed(this.x.of(event.clientX - this.svg.getBoundingClientRect().left));
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 12, PageDown: -12 }[event.key];
    if (!step || !this.data?.t.length) return;
    const times = this.data.t;
    const i = this.at === null ? times.length : nearest(times, this.at);
    this.pointed(times[Math.min(times.length - 1, Math.max(0, i + step))]);
    event.preventDefault();
  }

  /** Point at a time, or at none (null); all charts on the page point at the same time. */
  pointAt(at_s) {
    this.at = at_s;
    this.render();
  }

  close() {
    this.watch.disconnect();
  }
}

const text = (x, y, anchor, words) => draw("text", { x, y, "text-anchor": anchor }, words);

const line = (key, times, values, step_s, x, y) => draw(`path.line.${key}`, { d: path(times, values, step_s, x, y) });

function bars(key, times, values, step_s, x, y) {
  const wide = Math.max(1, x(step_s) - x(0));
  const each = values.map((value, i) =>
    value ? `M${x(times[i]).toFixed(1)} ${y(0).toFixed(1)}V${y(value).toFixed(1)}` : "",
  );
  return draw(`path.bars.${key}`, { d: each.join(""), "stroke-width": wide.toFixed(2) });
}
