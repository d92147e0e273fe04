// Tells which changes end with the daemon, and writes them to its configuration file; and what is wrong with that.

import { api } from "./api.js";
import { button, make, mark, say } from "./dom.js";

const WORDS = ["added", "changed", "removed"];

/** "porch added, yard and gate changed" */
function said(unsaved) {
  const and = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]);
  return WORDS.filter((word) => unsaved[word]?.length)
    .map((word) => `${and(unsaved[word])} ${word}`)
    .join(", ");
}

export class Unsaved {
  /** element: the strip. done(): called once they are written. */
  constructor(element, done) {
    Object.assign(this, { element, done });
    this.words = make("span");
    this.trouble = make("span.trouble", { role: "alert" });
    this.save = button("Write to the file", { kind: "changes", onclick: () => this.write() });
    this.wrong = make("span.trouble");
    element.append(this.words, this.save, this.trouble, this.wrong);
  }

  /** unsaved, reload_error: as in GET /api/system. */
  update({ unsaved, reload_error: wrong }) {
    say(this.wrong, wrong ? `The file was not reloaded: ${wrong}` : "");
    const what = said(unsaved ?? {});
    if (what) say(this.words, `Until the daemon ends: ${what}.`);
    if (what) this.written = "";
    else say(this.words, this.written ?? "");
    mark(this.save, "hidden", !what);
    mark(this.element, "hidden", !what && !this.written && !wrong);
    if (!what) say(this.trouble, "");
  }

  async write() {
    mark(this.save, "disabled", true);
    say(this.trouble, "");
    try {
      const { file, backup } = await api.save();
      this.written = `Written to ${file}. The file before it is ${backup}.`;
      setTimeout(() => (this.written = ""), 20_000);
      await this.done();
    } catch (error) {
      say(this.trouble, error.message);
    } finally {
      mark(this.save, "disabled", false);
    }
  }
}
