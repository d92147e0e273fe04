// The form that adds or changes a stream. It is built from the stream's schema in the daemon's OpenAPI document, which
// has each option's label, help, group and default. Only changes are sent, so secrets that the daemon hides (***) stay
// as they are.

import { api } from "./api.js";
import { ask, field, wrong } from "./dialogs.js";
import { make } from "./dom.js";

const plain = { autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
const lines = (value) =>
  value
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
const pair = (line) => {
  const at = line.indexOf("=");
  return at < 0 ? [line, null] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
};

/** How each kind of option is written to its control, and read back. */
const KINDS = {
  text: { show: (value) => String(value), read: (value) => value.trim() },
  choice: { show: (value) => String(value), read: (value) => value },
  truth: { show: (value) => String(value), read: (value) => (value === "" ? "" : value === "true") },
  list: { show: (value) => value.join("\n"), read: lines },
  outputs: { show: (value) => value.map((o) => (typeof o === "string" ? o : o.url)).join("\n"), read: lines },
  pairs: {
    show: (value) =>
      Object.entries(value)
        .map(([name, text]) => `${name}=${text}`)
        .join("\n"),
    read: (value) => Object.fromEntries(lines(value).map(pair)),
  },
};

const TRUTH = [
  ["true", "Yes"],
  ["false", "No"],
];

const isEmpty = (value) => value === "" || (typeof value === "object" && Object.keys(value).length === 0);

/** The types that an option accepts, without null, which stands for its default. */
const taken = (schema) => (schema.anyOf ?? [schema]).filter((part) => part.type !== "null");

function kindOf(schema) {
  const parts = taken(schema);
  const array = parts.find((part) => part.type === "array");
  if (array) return array.items.anyOf ? "outputs" : "list";
  if (parts.some((part) => part.enum)) return "choice";
  if (parts.some((part) => part.type === "boolean")) return "truth";
  return parts.some((part) => part.type === "object") ? "pairs" : "text";
}

/** The choices of an option, null if it has none. */
const choicesOf = (schema, kind) => ({ truth: TRUTH, choice: schema["x-choices"] })[kind] ?? null;

/** What an empty field does, in a few words. usual: the option's default, of the daemon's file or our own. */
function emptyMeans(schema, kind, usual) {
  const choices = choicesOf(schema, kind);
  const none = usual === null || usual === undefined || isEmpty(usual);
  if (choices && !none) return choices.find(([value]) => value === String(usual))?.[1] ?? String(usual);
  return none ? (schema["x-empty"] ?? "") : KINDS[kind].show(usual).replaceAll("\n", ", ");
}

function controlOf(key, schema, kind, required, usual) {
  const choices = choicesOf(schema, kind);
  if (choices) {
    const options = [["", `Default: ${emptyMeans(schema, kind, usual)}`], ...choices];
    return make("select", { name: key }, ...options.map(([value, label]) => make("option", { value }, label)));
  }
  const example = schema.examples?.[0];
  const placeholder = required || !example ? null : `e.g. ${KINDS[kind].show(example)}`;
  if (kind !== "text") return make("textarea", { name: key, rows: 2, required, placeholder, ...plain });
  const inputmode = taken(schema).some((part) => part.format === "uri-reference") ? "url" : null;
  const list = schema["x-suggestions"] ? `usual-${key}` : null;
  return make("input", { type: "text", name: key, required, placeholder, inputmode, list, ...plain });
}

/** The usual values of an option, for its control. */
const suggested = (key, schema) =>
  schema["x-suggestions"]
    ? make("datalist", { id: `usual-${key}` }, ...schema["x-suggestions"].map((value) => make("option", { value })))
    : null;

/** The form's entries by key: { schema, kind, control, empty }. empty: what an empty field does. */
async function entries({ editing }) {
  const [{ properties, required }, defaults] = await Promise.all([api.form(), api.defaults()]);
  const made = Object.entries(properties)
    .filter(([key]) => !(editing && key === "name"))
    .map(([key, schema]) => {
      const kind = kindOf(schema);
      const usual = editing && schema.default === "" ? "" : defaults[key]; // see asSent
      const empty = required.includes(key) ? "" : emptyMeans(schema, kind, usual);
      return [key, { schema, kind, empty, control: controlOf(key, schema, kind, required.includes(key), usual) }];
    });
  made[0][1].control.setAttribute("autofocus", "");
  return Object.fromEntries(made);
}

/** The fields that are always visible, then a collapsible part for each group. */
function fields(form) {
  const groups = new Map([["", []]]);
  for (const [key, { schema, kind, control, empty }] of Object.entries(form)) {
    const group = schema["x-group"];
    if (!groups.has(group)) groups.set(group, []);
    const hint = empty && !choicesOf(schema, kind) ? `${schema.description} Empty: ${empty}.` : schema.description;
    groups.get(group).push(field(schema.title, control, hint), suggested(key, schema));
  }
  return [...groups].flatMap(([group, rows]) =>
    group ? [make("details.more", {}, make("summary", {}, group), ...rows)] : rows,
  );
}

const read = ({ kind, control }) => KINDS[kind].read(control.value);

/** Show each error at the field that it names; returns the errors that name none. */
function refuse(form, error) {
  for (const { control } of Object.values(form)) wrong(control, "");
  const left = [];
  for (const { where = "", detail = "" } of error.errors ?? []) {
    const control = form[where.replace(/^body\./, "").split(/[.[]/)[0]]?.control;
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

/** Throw the errors that can be found without asking the daemon. */
function complete(form) {
  const errors = [];
  for (const [key, entry] of Object.entries(form)) {
    const value = read(entry);
    if (entry.control.required && isEmpty(value))
      errors.push({ where: key, detail: entry.schema["x-needed"] ?? "This is required." });
    const lone = entry.kind === "pairs" ? Object.keys(value).find((name) => value[name] === null) : undefined;
    if (lone !== undefined) errors.push({ where: key, detail: `Write name=value, one per line; ${lone} has no =.` });
  }
  if (errors.length) throw Object.assign(new Error(""), { errors });
}

/** Unchanged outputs keep their format, options and hidden secrets. */
const kept = (urls, before) => urls.map((url) => before.find((o) => o.url === url) ?? url);

/** An emptied field returns to the daemon's default (null), unless empty is a value of its own, such as no filters. */
const asSent = ({ schema, kind }, value, before) => {
  if (isEmpty(value)) return schema.default === "" ? "" : null;
  return kind === "outputs" ? kept(value, before ?? []) : value;
};

const lasting = () =>
  make("p.hint", {}, "This lasts until the daemon ends, unless it is then written to the daemon's file.");

/** Returns the new stream's name, null if none was added. */
export async function addStream() {
  const form = await entries({ editing: false });
  const send = async () => {
    complete(form);
    const given = Object.entries(form).map(([key, entry]) => [key, read(entry)]);
    await api.add(Object.fromEntries(given.filter(([, value]) => !isEmpty(value))));
  };
  const done = await ask({
    title: "Add a stream",
    content: [...fields(form), lasting()],
    action: "Add",
    send,
    refused: (e) => refuse(form, e),
  });
  return done ? read(form.name) : null;
}

/** Returns true if something was changed. config: the stream as the API shows it. */
export async function editStream(name, config) {
  const form = await entries({ editing: true });
  for (const [key, entry] of Object.entries(form)) {
    const value = config[key];
    if (value !== undefined && value !== null) entry.control.value = KINDS[entry.kind].show(value);
    entry.before = JSON.stringify(read(entry));
  }
  const send = async () => {
    complete(form);
    const changed = Object.entries(form).filter(([, entry]) => JSON.stringify(read(entry)) !== entry.before);
    const sent = changed.map(([key, entry]) => [key, asSent(entry, read(entry), config[key])]);
    if (sent.length) await api.change(name, Object.fromEntries(sent));
  };
  const content = [...fields(form), lasting()];
  return ask({ title: `Edit ${name}`, content, action: "Save", send, refused: (e) => refuse(form, e) });
}
