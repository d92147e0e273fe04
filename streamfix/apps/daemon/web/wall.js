// All streams' live pictures at once, over one connection: a browser opens six to a server.

import { api } from "./api.js";
import { button, make, mark, say } from "./dom.js";
import { clock, known } from "./format.js";
import { Feed } from "./mjpeg.js";
import { Badge, inShort, passesThrough, stateOf } from "./states.js";

const FPS = 2;
const WIDTHS = [240, 480, 960]; // few, since the daemon encodes each width once for all viewers
const PICTURED = new Set(["running", "degraded"]);

class Tile {
  constructor(name) {
    this.canvas = make("canvas", { hidden: true });
    this.badge = new Badge();
    this.words = make("span.over", { hidden: true });
    this.figures = make("span.figures");
    this.screen = make("span.screen", {}, this.canvas, this.words);
    this.link = make(
      "a.tile-live",
      { href: `#/${encodeURIComponent(name)}` },
      this.screen,
      make("span.below", {}, make("b", {}, name), this.badge.element, this.figures),
    );
    this.element = make("li", {}, this.link);
  }

  update(stream) {
    this.badge.update(stream);
    const through = passesThrough(stream) && PICTURED.has(stream.state) ? " · pass-through" : "";
    say(this.figures, `${inShort(stream)}${through}`);
    const { tone, word } = stateOf(stream);
    mark(this.link, "data-look", tone);
    const since = known(stream.last_frame_s) ? `No picture since ${clock(stream.last_frame_s)}` : word;
    const words = PICTURED.has(stream.state) ? "" : stream.state === "reconnecting" ? since : word;
    say(this.words, words || (this.drawn ? "" : "Waiting for the first picture …"));
    mark(this.words, "hidden", !words && this.drawn);
    this.screen.classList.toggle("still", Boolean(words));
  }

  async take(jpeg) {
    const picture = await createImageBitmap(jpeg);
    const { width, height } = picture;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.canvas.getContext("2d", { alpha: false }).drawImage(picture, 0, 0);
    picture.close();
    this.drawn = (this.drawn ?? 0) + 1;
    mark(this.link, "data-pictures", this.drawn);
    mark(this.canvas, "hidden", false);
    if (!this.screen.classList.contains("still")) mark(this.words, "hidden", true);
  }
}

export class Wall {
  constructor() {
    Object.assign(this, { name: "*", tiles: new Map(), feed: null });
    this.trouble = make("p.notice", { role: "alert", hidden: true });
    this.ul = make("ul.tiles-live");
    this.element = make(
      "article.wall",
      { "aria-labelledby": "stream-name" },
      make(
        "header.head",
        {},
        make("a.button.square.back", { href: "#/", "aria-label": "All streams" }, button("", { icon: "back" }).firstChild),
        make("h1", { id: "stream-name", tabindex: "-1" }, "Live pictures"),
      ),
      this.trouble,
      this.ul,
    );
    this.seen = () => this.follow();
    document.addEventListener("visibilitychange", this.seen);
    this.watch = new ResizeObserver(() => this.follow());
    this.watch.observe(this.ul);
  }

  /** streams: the API's list. */
  update(streams) {
    const names = new Set(streams.map((s) => s.name));
    for (const [name, tile] of this.tiles) {
      if (names.has(name)) continue;
      tile.element.remove();
      this.tiles.delete(name);
    }
    streams.forEach((stream, i) => {
      let tile = this.tiles.get(stream.name);
      if (!tile) {
        tile = new Tile(stream.name);
        this.tiles.set(stream.name, tile);
      }
      if (this.ul.children[i] !== tile.element) this.ul.insertBefore(tile.element, this.ul.children[i] ?? null);
      tile.update(stream);
    });
    this.follow();
  }

  /** Connect or disconnect, depending on the tab and the size of the tiles. */
  follow() {
    const wide = (this.ul.firstChild?.clientWidth ?? 0) * devicePixelRatio;
    const width = WIDTHS.find((each) => each >= wide) ?? WIDTHS.at(-1);
    const url = !this.closed && !document.hidden && wide ? api.wall(FPS, width) : null;
    if (url === (this.feed?.url ?? null)) return;
    this.feed?.stop();
    this.feed = url
      ? new Feed(
          url,
          (jpeg, name) => this.take(jpeg, name),
          (trouble) => this.tell(trouble),
        )
      : null;
  }

  async take(jpeg, name) {
    this.tell("");
    await this.tiles.get(name)?.take(jpeg);
  }

  tell(trouble) {
    say(this.trouble, trouble);
    mark(this.trouble, "hidden", !trouble);
  }

  close() {
    this.closed = true;
    this.follow();
    this.watch.disconnect();
    document.removeEventListener("visibilitychange", this.seen);
    this.element.remove();
  }
}
