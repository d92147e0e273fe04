// A stream's four charts, and the same figures as a table.

import { now_s } from "./api.js";
import { Chart } from "./chart.js";
import { make, mark } from "./dom.js";
import { clock, count, fixed, known, latency } from "./format.js";

const ROW_S = 300; // seconds per row of the table

const PLANS = [
  {
    title: "Latency",
    least: 0.03,
    show: latency,
    tick: (v) => (v === 0 ? "0" : latency(v).replace(".0 ", " ")),
    series: [
      { key: "latency_p50", label: "median", row: "mean of medians" },
      { key: "latency_p99", label: "p99", row: "highest p99" },
    ],
  },
  {
    title: "Dropped frames",
    least: 3,
    show: count,
    tick: count,
    series: [{ key: "dropped", label: "in 5 s", row: "sum", bars: true }],
  },
  {
    title: "Noise",
    least: 3,
    show: (v) => fixed(v, 1),
    tick: (v) => String(Number(v.toFixed(2))),
    series: [{ key: "noise", label: "luma, 8-bit codes", row: "luma, mean" }],
  },
  {
    title: "Frame rate",
    least: 10,
    show: (v) => fixed(v, 1),
    tick: (v) => String(Number(v.toFixed(1))),
    series: [{ key: "fps", label: "frames a second", row: "mean" }],
  },
];

export class Charts {
  constructor() {
    const pointed = (at_s) => this.charts.forEach((chart) => chart.pointAt(at_s));
    this.charts = PLANS.map((plan) => new Chart({ ...plan, pointed }));
    this.body = make("tbody");
    const names = ["Time", ...PLANS.flatMap((p) => p.series.map((s) => [p.title, s.row ?? s.label]))];
    const heads = names.map((name) =>
      make("th", { scope: "col" }, ...(Array.isArray(name) ? [name[0], make("small", {}, name[1])] : [name])),
    );
    this.table = make(
      "details.table",
      { ontoggle: () => this.tabulate() },
      make("summary", {}, "Show as a table"),
      make(
        "div.scroll",
        { tabindex: "0", role: "region", "aria-label": "Figures of the last hour" },
        make("table", {}, make("thead", {}, make("tr", {}, ...heads)), this.body),
      ),
    );
    this.element = make(
      "section",
      { "aria-label": "The last hour" },
      make("div.charts", {}, ...this.charts.map((chart) => chart.element)),
      this.table,
    );
  }

  /** history: from the API; budget_s: the latency budget, if known. */
  update(history, budget_s) {
    this.history = history;
    const limit = known(budget_s) ? { value: budget_s, label: `budget ${latency(budget_s)}` } : null;
    this.charts.forEach((chart, i) => chart.update(history, now_s(), i === 0 ? limit : null));
    this.tabulate();
  }

  tabulate() {
    if (!this.table.open || !this.history) return;
    const groups = new Map();
    this.history.t.forEach((at_s, i) => {
      const row = Math.floor(at_s / ROW_S) * ROW_S;
      groups.set(row, [...(groups.get(row) ?? []), i]);
    });
    const rows = [...groups].reverse().map(([at_s, indices]) => {
      const cells = PLANS.flatMap((plan) =>
        plan.series.map((s) => plan.show(summed(this.history[s.key] ?? [], indices, s))),
      );
      return make(
        "tr",
        {},
        make("th", { scope: "row" }, clock(at_s, { short: true })),
        ...cells.map((c) => make("td", {}, c)),
      );
    });
    this.body.replaceChildren(...rows);
    mark(this.table, "data-rows", rows.length);
  }

  close() {
    this.charts.forEach((chart) => chart.close());
  }
}

/** Five minutes as one figure: the sum of counts, the highest p99, otherwise the mean. */
function summed(list, indices, series) {
  const values = indices.map((i) => list[i]).filter(known);
  if (!values.length) return null;
  const sum = values.reduce((a, b) => a + b, 0);
  if (series.bars) return sum;
  return series.key === "latency_p99" ? Math.max(...values) : sum / values.length;
}
