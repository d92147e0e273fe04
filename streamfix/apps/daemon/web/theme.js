// Light or dark. Loaded before the page is drawn, and not as a module, so that the wrong colours never flash up.
"use strict";

(() => {
  const KEY = "streamfix.theme";

  /** "light", "dark", or "" to follow the system. */
  function chosen() {
    try {
      return localStorage.getItem(KEY) ?? "";
    } catch {
      return ""; // storage may be forbidden; follow the system then
    }
  }

  function apply(theme) {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  }

  apply(chosen());

  window.streamfixTheme = {
    /** The theme that is shown now. */
    shown() {
      const set = document.documentElement.dataset.theme;
      return set ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    },
    /** Switch to the other theme; remembered only if it differs from the system's. */
    toggle() {
      const next = this.shown() === "dark" ? "light" : "dark";
      const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      try {
        if (next === system) localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, next);
      } catch {
        // not remembered, but shown
      }
      apply(next === system ? "" : next);
      return next;
    },
  };
})();
