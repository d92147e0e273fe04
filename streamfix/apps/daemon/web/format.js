// Formats numbers and times for people.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const SHORT = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });

const NEAR_MS = 20 * 3600_000;

export const NONE = "–";
export const known = (value) => typeof value === "number" && Number.isFinite(value);

/** 1234567 as 1,234,567. */
export const count = (value) => (known(value) ? WHOLE.format(value) : NONE);

/** With this many digits after the decimal point. */
export const fixed = (value, digits = 1) => (known(value) ? value.toFixed(digits) : NONE);

/** A latency given in seconds: as milliseconds, from one second on as seconds. */
export function latency(value_s) {
  if (!known(value_s)) return NONE;
  const ms = value_s * 1000;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${value_s.toFixed(value_s < 10 ? 2 : 0)} s`;
}

/** A duration in its two largest units: "42 s", "3 min", "2 h 5 min", "12 d 4 h". */
export function span(value_s) {
  if (!known(value_s)) return NONE;
  const s = Math.max(0, Math.round(value_s));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const [unit, small, per, of] = s < 86400 ? ["h", "min", 3600, 60] : ["d", "h", 86400, 3600];
  const rest = Math.floor((s % per) / of);
  return `${Math.floor(s / per)} ${unit}${rest ? ` ${rest} ${small}` : ""}`;
}

/** A Unix time's time of day in the browser's time zone; with the date if it could be mistaken for another day. */
export function clock(at_s, { short = false } = {}) {
  if (!known(at_s)) return NONE;
  const at = new Date(at_s * 1000);
  const day = Math.abs(Date.now() - at) < NEAR_MS ? "" : `${DAY.format(at)}, `;
  return day + (short ? SHORT : CLOCK).format(at);
}

const WHOLE_DAY = new Intl.DateTimeFormat([], { weekday: "long", year: "numeric", month: "long", day: "numeric" });

/** The day of a Unix time in the browser's time zone. */
export const day = (at_s) => WHOLE_DAY.format(new Date(at_s * 1000));

/** The time of day of a Unix time, whatever its day. */
export const timeOfDay = (at_s) => CLOCK.format(new Date(at_s * 1000));

/** 1234567 bytes as "1.23 MB". */
export function size(bytes) {
  if (!known(bytes)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  while (value >= 999.5 && units.length > 1) [value] = [value / 1000, units.shift()];
  return `${value >= 100 || units[0] === "B" ? Math.round(value) : value.toPrecision(3)} ${units[0]}`;
}

/** A share in [0, 1] as a whole percentage. */
export const percent = (value) => (known(value) ? `${Math.round(value * 100)} %` : NONE);

/** "1 stream", "2 streams". */
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
