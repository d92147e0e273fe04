// The top bar: the state of all streams, the machine's load, the colour theme, logging out.

import { api } from "./api.js";
import { button, make, mark, say } from "./dom.js";
import { fixed, known } from "./format.js";
import { summary } from "./list.js";

const SESSION = "streamfix.session"; // scripts cannot see the cookie, so its existence is noted here
const at = (id) => document.getElementById(id);

/** The browser's storage, or null where it is forbidden. */
function storage() {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

export class Top {
  /** add(): called by the button for a new stream. */
  constructor(add) {
    this.theme = button("", { onclick: () => this.recolour(window.streamfixTheme.toggle()) });
    this.leave = button("Log out", { icon: "leave", quiet: true, onclick: () => this.logout() });
    at("top-actions").append(
      make("span.look-only", {}, "Look only"),
      button("Add a stream", { icon: "add", kind: "primary.changes", onclick: add }),
      this.leave,
      this.theme,
    );
    const recolour = () => this.recolour(window.streamfixTheme.shown());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
    recolour();
    mark(this.leave, "hidden", storage()?.getItem(SESSION) !== "1");
  }

  streams(streams) {
    say(at("summary"), summary(streams));
  }

  /** system: the answer to GET /api/system. */
  load({ load, may_change, nodes = [] }) {
    document.body.classList.toggle("look", !may_change);
    const measured = known(load?.used) && known(load?.capacity) && load.capacity > 0;
    mark(at("load"), "hidden", !measured);
    if (!measured) return;
    const full = load.used / load.capacity;
    const bar = make("span");
    bar.style.width = `${Math.min(100, full * 100)}%`;
    const words = make("span", {}, `${fixed(load.used, 2)} of ${fixed(load.capacity, 2)} cores`);
    at("load").replaceChildren(words, make("span.meter", { "aria-hidden": "true" }, bar));
    mark(at("load"), "data-tone", full > 0.95 ? "bad" : full > 0.8 ? "warn" : "good");
    const lost = nodes.filter((node) => !node.up);
    if (nodes.length) {
      words.textContent += ` on ${nodes.length - lost.length} of ${nodes.length} nodes`;
      if (lost.length) mark(at("load"), "data-tone", "bad");
    }
    const told = nodes.map((n) => `${n.name}: ${n.up ? (n.drained ? "drained" : `${n.streams} streams`) : n.reason}`);
    mark(at("load"), "title", ["Load of the running streams, out of what they may use together", ...told].join("\n"));
  }

  recolour(shown) {
    const dark = shown === "dark";
    const next = button(dark ? "Light colours" : "Dark colours", { icon: dark ? "sun" : "moon", quiet: true });
    this.theme.replaceChildren(...next.childNodes);
    for (const name of ["class", "aria-label", "title"]) mark(this.theme, name, next.getAttribute(name));
  }

  entered() {
    storage()?.setItem(SESSION, "1");
    mark(this.leave, "hidden", false);
  }

  async logout() {
    await api.logout();
    storage()?.removeItem(SESSION);
    location.reload();
  }
}
