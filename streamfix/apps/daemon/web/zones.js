// The dialog that draws zones on a camera's newest picture. That picture has the present masks burnt in already: what
// a zone covers is shown to nobody, here neither.

import { api } from "./api.js";
import { ask } from "./dialogs.js";
import { button, drag, draw, make, mark, say } from "./dom.js";

const LEAST = 3; // corners
const STEP = 0.005; // of the picture, for each press of an arrow key
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

const within = (value) => Math.min(1, Math.max(0, value));
const parse = (text) => text.split(",").map((pair) => pair.trim().split(/\s+/).map(Number));
const written = (points) => points.map(([x, y]) => `${+x.toFixed(4)} ${+y.toFixed(4)}`).join(", ");

class Drawing {
  /** zones: corners as text, by name. */
  constructor(name, zones) {
    this.zones = Object.entries(zones).map(([label, text]) => ({ label, points: parse(text) }));
    this.chosen = this.zones.length ? -1 : this.add();
    this.shapes = draw("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.corners = make("div.corners");
    this.none = make("p.over", { hidden: true }, "There is no picture of this camera yet.");
    this.picture = make("img", {
      src: api.snapshot(name, 1440),
      alt: `The newest picture of ${name}`,
      draggable: "false",
      onerror: () => mark(this.none, "hidden", false),
    });
    this.board = make(
      "div.board",
      { onpointerdown: (event) => this.press(event) },
      this.picture,
      this.shapes,
      this.corners,
      this.none,
    );
    this.list = make("ul.zones", { "aria-label": "Zones" });
    this.hint = make("p.hint", { role: "status" });
    this.more = button("New zone", { icon: "add", onclick: () => this.choose(this.add()) });
    this.element = make("div.drawing", {}, this.board, this.hint, this.list, this.more);
    this.show();
  }

  add() {
    const taken = new Set(this.zones.map(({ label }) => label));
    let number = this.zones.length + 1;
    while (taken.has(`zone ${number}`)) number += 1;
    this.zones.push({ label: `zone ${number}`, points: [] });
    return this.zones.length - 1;
  }

  choose(index) {
    this.chosen = index;
    this.show();
  }

  remove(index) {
    this.zones.splice(index, 1);
    this.chosen = -1;
    this.show();
    this.more.focus();
  }

  at(event) {
    const box = this.board.getBoundingClientRect();
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  /** A press on the picture sets the next corner of the chosen zone; one on a corner moves it. */
  press(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const corner = event.target.closest(".corner");
    const zone = this.zones[this.chosen];
    if (!zone) return;
    let index = corner ? Number(corner.dataset.index) : zone.points.length;
    if (!corner) zone.points.push(this.at(event));
    this.show();
    drag(this.board, event, (move) => {
      zone.points[index] = this.at(move);
      this.show();
    });
    this.corners.children[index]?.focus({ preventScroll: true });
  }

  key(event, index) {
    const { points } = this.zones[this.chosen];
    const step = ARROWS[event.key];
    if (step) points[index] = points[index].map((value, axis) => within(value + step[axis]));
    else if (event.key === "Delete" || event.key === "Backspace") points.splice(index, 1);
    else return;
    event.preventDefault();
    this.show();
    this.corners.children[Math.min(index, points.length - 1)]?.focus();
  }

  show() {
    this.shapes.replaceChildren(
      ...this.zones.map(({ points }, i) =>
        draw("polygon", { points: points.join(" "), "data-chosen": i === this.chosen, class: "zone" }),
      ),
    );
    const zone = this.zones[this.chosen];
    this.corners.replaceChildren(
      ...(zone?.points ?? []).map(([x, y], index) => {
        const one = make("button.corner", {
          type: "button",
          "data-index": String(index),
          "aria-label": `Corner ${index + 1} of ${zone.label}; arrow keys move it, Delete removes it`,
          onkeydown: (event) => this.key(event, index),
        });
        [one.style.left, one.style.top] = [`${x * 100}%`, `${y * 100}%`];
        return one;
      }),
    );
    this.rows();
    const missing = zone ? LEAST - zone.points.length : 0;
    say(
      this.hint,
      !zone
        ? "Choose a zone to change it, or add one."
        : missing > 0
          ? `Press on the picture to set the corners of ${zone.label}: ${missing} more at least.`
          : `Press on the picture for more corners of ${zone.label}, or drag those that are there.`,
    );
  }

  rows() {
    if (this.list.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    this.list.replaceChildren(
      ...this.zones.map((zone, index) =>
        make(
          "li",
          { "data-chosen": index === this.chosen },
          make("input", {
            type: "text",
            value: zone.label,
            "aria-label": `Name of zone ${index + 1}`,
            maxlength: "60",
            oninput: (event) => (zone.label = event.target.value.trim()),
          }),
          button("Change", {
            "aria-label": `Change ${zone.label}`,
            "aria-pressed": String(index === this.chosen),
            onclick: () => this.choose(index),
          }),
          button(`Remove ${zone.label}`, { icon: "remove", quiet: true, onclick: () => this.remove(index) }),
        ),
      ),
    );
  }

  /** The zones as the API takes them. Throws what is wrong. */
  read() {
    const kept = this.zones.filter(({ points }) => points.length);
    const short = kept.find(({ points }) => points.length < LEAST);
    if (short) throw new Error(`${short.label} has ${short.points.length} corners; a zone needs ${LEAST}.`);
    const names = kept.map(({ label }) => label);
    if (names.includes("")) throw new Error("Each zone needs a name.");
    const twice = names.find((label, i) => names.indexOf(label) !== i);
    if (twice) throw new Error(`Two zones are called ${twice}; give one another name.`);
    return Object.fromEntries(kept.map(({ label, points }) => [label, written(points)]));
  }
}

/** Let the operator draw a stream's zones. config: the stream's. Returns true if they were changed. */
export function drawZones(name, config) {
  const drawing = new Drawing(name, config.zones ?? {});
  const words = make(
    "p.hint",
    {},
    "Nobody sees what a zone covers: not here, not in recordings, not in what is sent on. The stream goes on meanwhile; " +
      "what was recorded before stays as it is.",
  );
  const send = () => api.zones(name, { zones: drawing.read() });
  const done = ask({ title: `Zones of ${name}`, content: [drawing.element, words], action: "Cover these", send });
  drawing.element.closest("dialog").classList.add("wide");
  return done;
}
