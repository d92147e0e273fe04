// What the tests measure in the page, in which it is evaluated, see browsing.py.
const looks = {
  /** Texts that can be seen and whose contrast with their ground is less than WCAG 2.2 AA asks for. */
  faint() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
      brush.clearRect(0, 0, 1, 1);
      brush.fillStyle = color;
      brush.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = (top, ground) => [0, 1, 2].map((i) => top[i] * top[3] + ground[i] * (1 - top[3])).concat(1);
    const ground = (element) => {
      if (!element) return [255, 255, 255, 1];
      const own = rgba(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own : over(own, ground(element.parentElement));
    };
    const luminance = ([r, g, b]) =>
      [r, g, b]
        .map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const faint = [];
    let looked = 0;
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const element = walk.currentNode.parentElement;
      const box = element.getBoundingClientRect();
      if (
        !walk.currentNode.data.trim() ||
        box.width < 2 ||
        !element.checkVisibility() ||
        element.closest(":disabled, .frame")
      )
        continue;
      const style = getComputedStyle(element);
      const below = ground(element);
      const color = over(rgba(element.closest("svg") ? style.fill : style.color), below);
      const [light, dark] = [luminance(color), luminance(below)].sort((a, b) => b - a);
      const contrast = (light + 0.05) / (dark + 0.05);
      looked += 1;
      if (contrast < 4.5)
        faint.push(`${contrast.toFixed(2)} ${element.className || element.tagName}: ${walk.currentNode.data}`);
    }
    return { looked, faint };
  },

  /** How far the page, or an open dialog, is wider than the screen. */
  overflow() {
    const parts = [document.documentElement, ...document.querySelectorAll("dialog")];
    return Math.max(...parts.map((part) => part.scrollWidth - part.clientWidth));
  },

  /** Controls that can be seen and are smaller than WCAG 2.2 AA allows: 24 by 24. */
  small() {
    return [...document.querySelectorAll("button, select, input, textarea, summary, [role=slider], a.row, a.button")]
      .filter((control) => control.checkVisibility())
      .map((control) => [control.getBoundingClientRect(), control])
      .filter(([box]) => box.width < 24 || box.height < 24)
      .map(([box, control]) => `${box.width}x${box.height} ${control.outerHTML.slice(0, 80)}`);
  },
};
