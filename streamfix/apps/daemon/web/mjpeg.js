// Reads multipart/x-mixed-replace by hand: an <img> does not tell when its stream has ended.

const BLANK_LINE = [13, 10, 13, 10];
const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 4000;

/** The bytes of a response, read in pieces of a chosen size. */
class Bytes {
  constructor(stream) {
    this.reader = stream.getReader();
    this.buffer = new Uint8Array(0);
  }

  /** Wait for more bytes; false at the end. */
  async more() {
    const { done, value } = await this.reader.read();
    if (done) return false;
    const joined = new Uint8Array(this.buffer.length + value.length);
    joined.set(this.buffer);
    joined.set(value, this.buffer.length);
    this.buffer = joined;
    return true;
  }

  take(length) {
    const taken = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return taken;
  }

  /** Exactly this many bytes, null if the stream ends first. */
  async exactly(length) {
    while (this.buffer.length < length) if (!(await this.more())) return null;
    return this.take(length);
  }

  /** Everything up to and including the next blank line, null if the stream ends first. */
  async head() {
    let from = 0;
    for (;;) {
      const at = find(this.buffer, BLANK_LINE, from);
      if (at >= 0) return new TextDecoder("latin1").decode(this.take(at + BLANK_LINE.length));
      from = Math.max(0, this.buffer.length - BLANK_LINE.length + 1);
      if (!(await this.more())) return null;
    }
  }
}

function find(bytes, wanted, from) {
  for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

/**
 * The pictures of an MJPEG stream as they arrive: { jpeg: a Blob, name: the stream's where there are several }.
 *
 * Ends with the stream. Throws a TypeError if the network fails, an AbortError if the signal aborts, and an Error if
 * the response is not such a stream.
 */
export async function* pictures(url, signal) {
  const answer = await fetch(url, { signal, cache: "no-store", credentials: "same-origin" });
  const type = answer.headers.get("Content-Type") ?? "";
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({})); // a proxy's answer may not be a problem document
    throw new Error(problem.detail ?? `the daemon answered ${answer.status}`);
  }
  if (!type.startsWith("multipart/")) throw new Error(`the daemon sent ${type}`);
  const bytes = new Bytes(answer.body);
  for (;;) {
    const head = await bytes.head();
    if (head === null) return;
    const length = /^content-length: *(\d+) *$/im.exec(head);
    if (!length) throw new Error("a part does not say its Content-Length");
    const jpeg = await bytes.exactly(Number(length[1]));
    if (jpeg === null) return;
    const name = /^x-stream: *(\S+) *$/im.exec(head)?.[1] ?? "";
    yield { jpeg: new Blob([jpeg], { type: "image/jpeg" }), name };
  }
}

/** Passes each picture of a stream to `each`, in order, and reconnects until stopped. failed(why): the stream broke. */
export class Feed {
  constructor(url, each, failed) {
    Object.assign(this, { url, each, failed, abort: new AbortController() });
    this.run();
  }

  async run() {
    const { signal } = this.abort;
    for (let wait_ms = FIRST_WAIT_MS; !signal.aborted; wait_ms = Math.min(wait_ms * 2, LAST_WAIT_MS)) {
      try {
        for await (const { jpeg, name } of pictures(this.url, signal)) {
          wait_ms = FIRST_WAIT_MS;
          await this.each(jpeg, name); // a slow screen stalls the connection, and the daemon skips pictures
        }
      } catch (error) {
        if (!signal.aborted) this.failed(`No live view: ${error.message}`);
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, wait_ms));
    }
  }

  stop() {
    this.abort.abort();
  }
}
