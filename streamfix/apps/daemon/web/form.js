// Adding a stream and changing one. Only what was changed is sent: secrets that the daemon hides (***) stay as they
// are.

import { api } from "./api.js";
import { ask, field, wrong } from "./dialogs.js";
import { make } from "./dom.js";

const text = (attributes) =>
  make("input", { type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...attributes });
const choice = (options) =>
  make(
    "select",
    {},
    ...[["", "The daemon's default"], ...options].map(([value, label]) => make("option", { value }, label)),
  );

function controls() {
  return {
    name: text({ name: "name", required: true, maxlength: 63, autofocus: true }),
    input: text({ name: "input", required: true, inputmode: "url" }),
    filters: text({ name: "filters", placeholder: "denoise" }),
    outputs: make("textarea", {
      name: "outputs",
      rows: 2,
      required: true,
      autocapitalize: "none",
      spellcheck: "false",
    }),
    max_latency: text({ name: "max_latency", placeholder: "200ms" }),
    on_lost: choice([
      ["wait", "Send nothing"],
      ["hold", "Hold the last picture"],
      ["slate", "Show a slate"],
      ["end", "End the output"],
    ]),
    on_damaged: choice([
      ["pass", "Show it as it is"],
      ["hold", "Hold the last good picture"],
    ]),
  };
}

const HINTS = {
  name: ["Name", "Small letters, digits, - and _."],
  input: ["Camera", "For instance rtsp://user:password@10.0.0.5/stream. The password is never shown again."],
  filters: ["Filters", "A chain as -vf has it. Empty: pictures pass through."],
  outputs: ["Outputs", "One a line: rtsp://, rtmp://, srt://, udp://, or a path that the daemon may write to."],
  max_latency: ["Latency allowed", "From a picture's arrival to its output."],
  on_lost: ["While the camera is away", ""],
  on_damaged: ["When a picture is damaged", ""],
};

function fields(form) {
  const rows = Object.fromEntries(
    Object.entries(form).map(([key, control]) => [key, field(HINTS[key][0], control, HINTS[key][1])]),
  );
  const { name, input, filters, outputs, ...more } = rows;
  return [
    ...[name, input, filters, outputs].filter(Boolean),
    make("details.more", {}, make("summary", {}, "Latency and lost pictures"), ...Object.values(more)),
  ];
}

const lines = (value) =>
  value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
const read = (key, control) => (key === "outputs" ? lines(control.value) : control.value.trim());

/** Show what is wrong beside the fields that the daemon names; what belongs to none of them is returned. */
function refuse(form, error) {
  for (const control of Object.values(form)) wrong(control, "");
  const left = [];
  for (const { where = "", detail = "" } of error.errors ?? []) {
    const control = form[where.replace(/^body\./, "").split(/[.[]/)[0]];
    if (!control) left.push([where, detail].filter(Boolean).join(": "));
    else {
      wrong(control, detail);
      const more = control.closest("details");
      if (more) more.open = true;
    }
  }
  document.querySelector("dialog [aria-invalid]")?.focus();
  if (left.length || !error.errors?.length) return left.join("\n") || error.message;
  return "";
}

/** What must not be empty is said here, without asking the daemon. */
function complete(form) {
  const empty = Object.entries(form).filter(([key, c]) => c.required && !read(key, c).length);
  if (!empty.length) return;
  const words = { name: "Give it a name.", input: "Say where the pictures come from.", outputs: "Say where they go." };
  throw Object.assign(new Error(""), { errors: empty.map(([key]) => ({ where: key, detail: words[key] })) });
}

/** Outputs that were left as they were keep their format, options and hidden secrets. */
const kept = (urls, before) => urls.map((url) => before.find((o) => o.url === url) ?? url);

/** An emptied field is back to the daemon's default; only no filters are filters too. */
const asSent = (key, value) => (value === "" && key !== "filters" ? null : value);

/** The new stream's name, null if none was added. */
export async function addStream() {
  const form = controls();
  const send = async () => {
    complete(form);
    const given = Object.entries(form).map(([key, control]) => [key, read(key, control)]);
    await api.add(Object.fromEntries(given.filter(([, value]) => value.length)));
  };
  const done = await ask({
    title: "Add a stream",
    content: fields(form),
    action: "Add",
    send,
    refused: (e) => refuse(form, e),
  });
  return done ? form.name.value.trim() : null;
}

/** True if something was changed. config: the stream as the API shows it. */
export async function editStream(name, config) {
  const { name: _, ...form } = controls();
  const shown = {
    ...config,
    outputs: (config.outputs ?? []).map((o) => (typeof o === "string" ? o : o.url)).join("\n"),
  };
  for (const [key, control] of Object.entries(form)) {
    if (shown[key] !== undefined && shown[key] !== null) control.value = shown[key];
    control.dataset.before = JSON.stringify(read(key, control));
  }
  const send = async () => {
    complete(form);
    const given = Object.entries(form).map(([key, control]) => [key, read(key, control)]);
    const changed = given.filter(([key, value]) => JSON.stringify(value) !== form[key].dataset.before);
    const sent = changed.map(([key, value]) => [
      key,
      key === "outputs" ? kept(value, config.outputs ?? []) : asSent(key, value),
    ]);
    if (sent.length) await api.change(name, Object.fromEntries(sent));
  };
  return ask({ title: `Edit ${name}`, content: fields(form), action: "Save", send, refused: (e) => refuse(form, e) });
}
