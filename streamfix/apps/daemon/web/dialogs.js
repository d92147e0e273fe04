// Dialogs: log in, add and change a stream, confirm a removal.

import { api } from "./api.js";
import { button, make, mark, say } from "./dom.js";

let last = 0;

/** A labelled field, with a hint and room for an error below it. */
export function field(label, control, hint = "") {
  last += 1;
  const id = `field-${last}`;
  mark(control, "id", id);
  mark(control, "aria-describedby", `${id}-hint ${id}-wrong`);
  return make(
    "div.field",
    {},
    make("label", { for: id }, label),
    control,
    make("p.hint", { id: `${id}-hint` }, hint),
    make("p.wrong", { id: `${id}-wrong`, role: "alert" }),
  );
}

/** Show an error below a field; "" removes it. */
export function wrong(control, text) {
  say(document.getElementById(`${control.id}-wrong`), text);
  mark(control, "aria-invalid", text ? "true" : null);
}

/**
 * Open a dialog with a form and wait until it succeeds or is cancelled.
 *
 * send() runs on submit; if it throws, refused(error) shows the error and the dialog stays open.
 * Returns true once send has succeeded, false if the dialog was cancelled. must: it cannot be cancelled.
 */
export function ask({ title, content, action, kind = "primary", send, refused, must = false }) {
  const heading = make("h2", { id: `dialog-${(last += 1)}` }, title);
  const trouble = make("p.notice", { role: "alert", hidden: true });
  const go = button(action, { kind, type: "submit" });
  const leave = button("Cancel", { onclick: () => dialog.close() });
  const form = make(
    "form",
    { method: "dialog", novalidate: true },
    heading,
    trouble,
    ...content,
    make("div.actions", {}, must ? null : leave, go),
  );
  const dialog = make("dialog", { "aria-labelledby": heading.id }, form);
  return new Promise((resolve) => {
    let done = false;
    const tell = (text) => {
      say(trouble, text);
      mark(trouble, "hidden", !text);
      if (text) trouble.scrollIntoView({ block: "nearest" });
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      tell("");
      mark(go, "disabled", true);
      try {
        await send();
        done = true;
        dialog.close();
      } catch (error) {
        tell(refused ? refused(error) : error.message);
      } finally {
        mark(go, "disabled", false);
      }
    });
    dialog.addEventListener("cancel", (event) => must && event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(done);
    });
    document.getElementById("dialogs").append(dialog);
    dialog.showModal();
  });
}

/** Ask for the daemon's token until it is correct. */
export async function login() {
  const user = make("input", {
    type: "text",
    name: "username",
    value: "streamfix",
    autocomplete: "username",
    hidden: true,
  });
  const token = make("input", {
    type: "password",
    name: "token",
    autocomplete: "current-password",
    required: true,
    autofocus: true,
  });
  const content = [user, field("Token", token, "It is in the daemon's configuration: token, under [daemon].")];
  const refused = (error) => {
    const text = error.status === 401 || error.status === 403 ? "That is not the daemon's token." : error.message;
    wrong(token, text);
    token.select();
    return "";
  };
  await ask({ title: "Log in", content, action: "Log in", must: true, send: () => api.login(token.value), refused });
}

/** Returns true if it was removed. */
export function confirmRemoval(name) {
  const words = make(
    "p",
    {},
    "This stops the stream, finishes its outputs and removes it from the daemon. Recordings stay where they are.",
  );
  return ask({
    title: `Remove ${name}?`,
    content: [words],
    action: "Remove",
    kind: "danger",
    send: () => api.remove(name),
  });
}
