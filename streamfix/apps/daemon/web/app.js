// The page: polls the daemon, shows the list and the chosen stream, and recovers when the daemon comes back.

import { api, Problem, Unreachable } from "./api.js";
import { confirmRemoval, login } from "./dialogs.js";
import { button, make, mark, say } from "./dom.js";
import { addStream, editStream } from "./form.js";
import { clock } from "./format.js";
import { List } from "./list.js";
import { RecordingsView } from "./recordings.js";
import { needsCare } from "./states.js";
import { StreamView } from "./stream.js";
import { Top } from "./top.js";
import { Unsaved } from "./unsaved.js";
import { Wall } from "./wall.js";
import { drawZones } from "./zones.js";

const POLL_MS = 1500;
const AWAY_MS = [1000, 1500, 2000, 3000]; // waits while the daemon does not answer; the last one repeats
const SYSTEM_EVERY = 4; // polls

const at = (id) => document.getElementById(id);
const list = new List(at("list"));
const bar = new Top(add);
const changes = new Unsaved(at("unsaved"), () => look());
let streams = [];
let view = null;
let away = 0;
let gone_s = null;
let polls = 0;
let timer = null;
let asking = null; // the poll in progress
let entering = null; // the login dialog, while it is open

/**
 * What the address asks for: { name, part }; part is "recordings" or "". The name is empty for all streams, and "*" for
 * all their pictures.
 */
function place() {
  const [name = "", part = ""] = location.hash.slice(2).split("/");
  try {
    return { name: decodeURIComponent(name), part };
  } catch {
    return { name, part }; // a stray percent sign, typed by hand
  }
}

/** Poll the daemon; calls made during a poll share its answer. */
function poll() {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

async function ask() {
  clearTimeout(timer);
  try {
    streams = await api.streams();
    if (polls % SYSTEM_EVERY === 0) {
      const system = await api.system();
      bar.load(system);
      changes.update(system);
    }
    polls += 1;
    answered();
    show();
  } catch (error) {
    await failed(error);
  } finally {
    const wait_ms = away ? AWAY_MS[Math.min(away, AWAY_MS.length) - 1] : POLL_MS;
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(poll, wait_ms);
  }
}

function answered() {
  [away, gone_s] = [0, null];
  mark(at("banner"), "hidden", true);
  document.body.classList.remove("away");
}

async function failed(error) {
  if (error instanceof Problem && error.status === 401) {
    entering ??= login().finally(() => (entering = null));
    await entering;
    polls = 0; // asks what this token may do
    bar.entered();
    return;
  }
  if (!(error instanceof Problem) && !(error instanceof Unreachable)) throw error;
  away += 1;
  gone_s ??= Date.now() / 1000;
  const what = error instanceof Unreachable ? `The daemon has not answered since ${clock(gone_s)}.` : error.message;
  say(at("banner"), `${what} Trying again …`);
  mark(at("banner"), "hidden", false);
  document.body.classList.add("away");
}

/** The history or log could not be read. If the stream was just removed, the list will show that. */
function unread(error) {
  if (!(error instanceof Problem && error.status === 404)) failed(error);
}

/** What to show: { name, part, stream, walled }, from the list of streams and the address. */
function shown() {
  const { name, part } = place();
  const wide = matchMedia("(min-width: 60rem)").matches;
  const walled = streams.length > 0 && (name === "*" || (wide && !name && streams.length > 1));
  const stream = streams.find((s) => s.name === name) ?? (wide && !name ? streams[0] : undefined);
  return { name, part, walled, stream: walled ? undefined : stream };
}

/** Update the page. */
function show() {
  const { name, part, stream, walled } = shown();
  list.update(streams, stream?.name);
  bar.streams(streams);
  document.body.classList.toggle("one", Boolean(name));
  document.body.classList.toggle("walled", walled);
  const ill = streams.filter(needsCare).length;
  document.title = `${ill ? `(${ill}) ` : ""}${stream ? `${stream.name} – ` : ""}streamfix`;
  const kind = walled ? Wall : part === "recordings" ? RecordingsView : StreamView;
  if (view && !(view instanceof kind && view.name === (walled ? "*" : stream?.name))) {
    view.close();
    view = null;
  }
  if (!view && (walled || stream)) {
    view = walled ? new Wall() : kind === StreamView ? new StreamView(stream.name, acts, unread) : new RecordingsView(stream.name, unread);
    at("main").replaceChildren(view.element);
  }
  if (view) view.update(walled ? streams : stream);
  else if (name === "*") blank("welcome", welcome);
  else blank(name ? `missing ${name}` : streams.length ? "" : "welcome", () => (name ? missing(name) : welcome()));
}

/** Show a message instead of a stream; it is rebuilt only when it changes. */
function blank(kind, made) {
  const main = at("main");
  if (main.dataset.blank === kind && !main.querySelector("article")) return;
  main.dataset.blank = kind;
  main.replaceChildren(...(kind ? [made()] : []));
}

const missing = (name) =>
  make(
    "div.blank",
    {},
    make("h1", {}, `There is no stream “${name}”`),
    make("p", {}, "It was removed, or never existed."),
    make("p", {}, make("a.button", { href: "#/" }, "All streams")),
  );

const welcome = () =>
  make(
    "div.blank",
    {},
    make("h1", {}, "No streams yet"),
    make("p", {}, "A stream takes a camera's pictures, restores them and sends them on."),
    make("p", {}, button("Add a stream", { icon: "add", kind: "primary.changes", onclick: add })),
  );

/** Show at once what has changed. */
async function look() {
  await asking; // a poll in progress may have an older answer
  polls = 0;
  await poll();
}

/** Run an action, then show its result. */
const then = (work) => async (name) => {
  await work(name);
  await look();
};

const acts = {
  start: then(api.start),
  stop: then(api.stop),
  retry: then(api.retry),
  edit: then(async (name) => editStream(name, (await api.stream(name)).config ?? streams.find((s) => s.name === name))),
  relearn: then(api.relearn),
  zones: then(async (name) => drawZones(name, (await api.stream(name)).config)),
  remove: then(async (name) => {
    if (await confirmRemoval(name)) location.hash = "#/";
  }),
};

async function add() {
  try {
    const name = await addStream();
    if (name) location.hash = `#/${encodeURIComponent(name)}`;
  } catch (error) {
    if (!(error instanceof Problem || error instanceof Unreachable)) throw error; // poll() reports these two
  }
  await look();
}

addEventListener("hashchange", () => {
  show();
  scrollTo(0, 0);
  document.getElementById("stream-name")?.focus({ preventScroll: true });
});
document.addEventListener("visibilitychange", () => document.hidden || poll());
matchMedia("(min-width: 60rem)").addEventListener("change", show);
poll();
