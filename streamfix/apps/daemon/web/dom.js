// Builds elements. Text is inserted as text only: nothing the daemon sends can become markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Build an element: make("button.primary", { type: "button", onclick: f }, "Add").
 * Functions become listeners, true sets an attribute, and false, null and undefined leave it out.
 */
export function make(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElement(tag), classes, attributes, children);
}

/** The same for SVG. */
export function draw(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.classList.add(...classes);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set an element's text, but only if it differs: screen readers repeat whatever is touched. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove an attribute, likewise only if it differs. */
export function mark(element, name, value) {
  const wanted = value === true ? "" : value === false || value === null || value === undefined ? null : String(value);
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/** Follow a pointer that was pressed on `element` until it is released; move(event) runs at every step. */
export function drag(element, down, move) {
  const over = new AbortController();
  const end = () => {
    over.abort();
    element.classList.remove("dragged");
  };
  element.setPointerCapture(down.pointerId);
  element.classList.add("dragged");
  element.addEventListener("pointermove", move, { signal: over.signal });
  for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, end, { signal: over.signal });
}

/** Icon paths, 24 by 24, stroked. */
const ICONS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  camera: "M3 7h12v10H3zM15 11l6-3.5v9L15 13",
  cover: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M8 9l7-1 2 7-8 2z",
  close: "M6 6l12 12M18 6L6 18",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9.7h4M4 14.3h4M16 9.7h4M16 14.3h4",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  grid: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  leave: "M14 4h5v16h-5M4 12h11M11 8l4 4-4 4",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5z",
  remove: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  reload: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  save: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  stop: "M6 6h12v12H6z",
  sun:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2" +
    "M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M19 5l-1.4 1.4",
};

/** An icon, hidden from screen readers; the text beside it says it. */
export function icon(name) {
  return draw("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, draw("path", { d: ICONS[name] }));
}

/** A button. label: shown, or, if quiet, only read out, beside an icon. */
export function button(label, { icon: name, quiet = false, kind = "", ...attributes } = {}) {
  const words = quiet ? { "aria-label": label, title: label } : {};
  const classes = ["button", "button", kind, quiet ? "square" : ""].filter(Boolean).join(".");
  return make(
    classes,
    { type: "button", ...words, ...attributes },
    name ? icon(name) : null,
    quiet ? null : make("span", {}, label),
  );
}
