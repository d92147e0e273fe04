// Light or dark. Loaded before the page is drawn, and not as a module, so that no wrong colour flashes up.
"use strict";

(() => {
  const KEY = "streamfix.theme";

  /** "light", "dark", or "" for what the system says. */
  function chosen() {
    try {
      return localStorage.getItem(KEY) ?? "";
    } catch {
      return ""; // storage may be forbidden; the system's choice holds then
    }
  }

  function apply(theme) {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  }

  apply(chosen());

  window.streamfixTheme = {
    /** The one that is shown now. */
    shown() {
      const set = document.documentElement.dataset.theme;
      return set ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    },
    /** Show the other one; remembered only where it differs from the system's. */
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
