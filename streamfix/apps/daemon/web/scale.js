// Axes: round steps for values, round times of day.

import { clock } from "./format.js";

const ROUND = [1, 2, 2.5, 5, 10];
const ROUND_S = [120, 300, 600, 900, 1800];

/** The end of an axis that starts at 0, and its marks: three or four round steps that cover `highest`. */
export function steps(highest, least) {
  const top = Math.max(highest, least);
  const rough = top / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ROUND.map((r) => r * power).find((s) => s * 3 >= top * 0.999999) ?? 10 * power;
  const marks = [];
  for (let i = 0; i * step < top + step * 0.999; i += 1) marks.push(i * step);
  return { top: marks.at(-1), marks };
}

/** The round times of day inside (from_s, to_s), as [Unix seconds, text]; half as many on a narrow chart. */
export function times_of_day(from_s, to_s, narrow) {
  const least_s = (to_s - from_s) / (narrow ? 3 : 6);
  const every_s = ROUND_S.find((s) => s >= least_s) ?? ROUND_S.at(-1);
  const found = [];
  for (let at_s = Math.ceil(from_s / every_s) * every_s; at_s <= to_s; at_s += every_s) {
    found.push([at_s, clock(at_s, { short: true }).split(", ").at(-1)]);
  }
  return found;
}

/** The index of the time nearest to at_s in ascending times, -1 if there are none. */
export function nearest(times, at_s) {
  let [low, high] = [0, times.length - 1];
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at_s) low = middle;
    else high = middle;
  }
  return at_s - times[low] <= times[high] - at_s ? low : high;
}

/** A path through the points, interrupted where a value is missing or time has a gap. x, y: to pixels. */
export function path(times, values, step_s, x, y) {
  let drawn = "";
  let last = null;
  values.forEach((value, i) => {
    if (value === null || value === undefined) {
      last = null;
      return;
    }
    const joined = last !== null && times[i] - times[last] <= step_s * 2.5;
    drawn += `${joined ? "L" : "M"}${x(times[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!joined) drawn += "h0.01"; // makes a single point visible
    last = i;
  });
  return drawn;
}
