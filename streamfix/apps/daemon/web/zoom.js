// Zoom: the whole picture, or pixel by pixel, dragged around.

import { drag, make, mark } from "./dom.js";

const STEPS = [
  ["Fit", 0],
  ["1:1", 1],
  ["2:1", 2],
  ["4:1", 4],
];
const ARROWS = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };

export class Zoom {
  /** frame: holds the pictures; canvases: the pictures, all shown at the same size; changed(): after a choice. */
  constructor(frame, canvases, changed) {
    Object.assign(this, { frame, canvases, factor: 0, x: 0, y: 0, width: 16, height: 9 });
    this.buttons = STEPS.map(([label, factor]) =>
      make(
        "button",
        {
          type: "button",
          "aria-pressed": "false",
          onclick: () => {
            this.set(factor);
            changed();
          },
        },
        label,
      ),
    );
    this.element = make("div.choice", { role: "group", "aria-label": "Zoom" }, ...this.buttons);
    this.watch = new ResizeObserver(() => this.place());
    this.watch.observe(frame);
    frame.addEventListener("keydown", (event) => this.key(event));
    this.set(0);
  }

  get zoomed() {
    return this.factor > 0;
  }

  /** Set the picture's size in pixels. */
  sized(width, height) {
    if (width === this.width && height === this.height) return;
    Object.assign(this, { width, height });
    this.frame.style.setProperty("--ratio", `${width} / ${height}`);
    this.frame.style.setProperty("--ratio-number", String(width / height));
    this.place();
  }

  set(factor) {
    this.factor = factor;
    this.x = this.y = 0;
    this.buttons.forEach((button, i) => mark(button, "aria-pressed", String(STEPS[i][1] === factor)));
    this.frame.classList.toggle("zoomed", this.zoomed);
    mark(this.frame, "tabindex", this.zoomed ? "0" : null);
    mark(this.frame, "aria-label", this.zoomed ? "Zoomed picture; the arrow keys move it" : null);
    mark(this.frame, "role", this.zoomed ? "group" : null);
    this.place();
  }

  place() {
    const { clientWidth: w, clientHeight: h } = this.frame;
    const fit = Math.min(w / this.width, h / this.height) || 1;
    const scale = this.zoomed ? this.factor / devicePixelRatio : fit;
    const [wide, high] = [this.width * scale, this.height * scale];
    this.x = within(this.x, Math.max(0, (wide - w) / 2));
    this.y = within(this.y, Math.max(0, (high - h) / 2));
    for (const canvas of this.canvases) {
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${high}px`;
      canvas.style.transform = `translate(${(w - wide) / 2 + this.x}px, ${(h - high) / 2 + this.y}px)`;
      canvas.style.imageRendering = this.factor > 1 ? "pixelated" : "auto";
    }
  }

  drag(down) {
    const [x, y] = [this.x - down.clientX, this.y - down.clientY];
    drag(this.frame, down, (event) => {
      [this.x, this.y] = [x + event.clientX, y + event.clientY];
      this.place();
    });
  }

  key(event) {
    const step = ARROWS[event.key];
    if (!step || event.target !== this.frame || !this.zoomed) return;
    [this.x, this.y] = [this.x + step[0], this.y + step[1]];
    this.place();
    event.preventDefault();
  }

  close() {
    this.watch.disconnect();
  }
}

const within = (value, limit) => Math.min(limit, Math.max(-limit, value));
