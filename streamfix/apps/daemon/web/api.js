// The daemon's REST API and its errors. Addresses are relative, so that a proxy may serve the page under a path.

/** The daemon refused a request: title and detail are for people, errors lists fields where the daemon names them. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The daemon answered ${status}.`);
    this.status = status;
    this.errors = Array.isArray(body.errors) ? body.errors : [];
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

const READ_MS = 10_000;
const ACT_MS = 120_000; // stopping a stream finishes its outputs first
const GATEWAY = new Set([502, 504]); // a proxy answering for a daemon that is down

/** How far the daemon's clock is ahead of this one, in seconds; small differences are network delay and ignored. */
let ahead_s = 0;

/** The daemon's time now, Unix seconds. */
export const now_s = () => Date.now() / 1000 + ahead_s;

export const address = (path) => new URL(path, document.baseURI).href;

async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["Content-Type"] = "application/json";
  let answer;
  let text;
  try {
    answer = await fetch(address(path), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(method === "GET" ? READ_MS : ACT_MS),
    });
    text = await answer.text();
  } catch (error) {
    throw new Unreachable(`The daemon does not answer (${error.message}).`);
  }
  if (GATEWAY.has(answer.status)) throw new Unreachable("The daemon is unreachable; only its proxy answers.");
  const at_ms = Date.parse(answer.headers.get("Date") ?? "");
  if (at_ms) {
    const difference_s = (at_ms - Date.now()) / 1000;
    ahead_s = Math.abs(difference_s) > 2 ? difference_s : 0;
  }
  let content = null;
  try {
    content = text ? JSON.parse(text) : null;
  } catch {
    content = { detail: text.slice(0, 300) };
  }
  if (!answer.ok) throw new Problem(answer.status, content ?? {});
  return content;
}

let form = null; // a stream's schema; it does not change while the page is open

const of = (name, rest = "") => `api/streams/${encodeURIComponent(name)}${rest}`;

export const api = {
  streams: () => call("GET", "api/streams"),
  stream: (name) => call("GET", of(name)),
  history: (name) => call("GET", of(name, "/history")),
  events: (name) => call("GET", of(name, "/events")),
  system: () => call("GET", "api/system"),
  form: async () => (form ??= (await call("GET", "api/openapi.json")).components.schemas.StreamBody),
  add: (stream) => call("POST", "api/streams", stream),
  change: (name, fields) => call("PATCH", of(name), fields),
  zones: (name, body) => call("PUT", of(name, "/zones"), body),
  relearn: (name) => call("POST", of(name, "/relearn"), {}),
  remove: (name) => call("DELETE", of(name)),
  start: (name) => call("POST", of(name, "/start"), {}),
  stop: (name) => call("POST", of(name, "/stop"), {}),
  retry: (name) => call("POST", of(name, "/retry"), {}),
  recordings: (name, query) => call("GET", of(name, `/recordings?${new URLSearchParams(query)}`)),
  recording: (name, file, download = false) =>
    address(of(name, `/recordings/${file.split("/").map(encodeURIComponent).join("/")}${download ? "?download=1" : ""}`)),
  save: () => call("POST", "api/save", {}),
  reload: () => call("POST", "api/reload", {}),
  login: (token) => call("POST", "api/login", { token }),
  logout: () => call("POST", "api/logout", {}),
  snapshot: (name, width) =>
    address(of(name, `/snapshot.jpg?side=after&width=${width}&at=${Math.floor(Date.now() / 1000)}`)),
  defaults: () => call("GET", "api/defaults"),
  wall: (fps, width) => address(`api/live.mjpg?fps=${fps}&width=${width}`),
  live: (name, fps, width) => address(of(name, `/live.mjpg?side=both&fps=${fps}&width=${width}`)),
};
