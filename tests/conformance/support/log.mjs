/** How long a test waits for something before it has failed. Generous: the machine may have much else to do. */
export const PATIENCE_MS = 60_000;

/** What one client has told, in order, and who waits for more. */
export class Log {
  events = [];
  /** Is called with each event before anyone else sees it. */
  onEvent = null;
  #name;
  #waiting = new Set();

  constructor(name) {
    this.#name = name;
  }

  /** Adds an event, an object with a `name`. */
  add(event) {
    this.onEvent?.(event);
    this.events.push(event);
    for (const look of this.#waiting) look();
  }

  /** How many there are: a mark for `after`. */
  get length() {
    return this.events.length;
  }

  all(name) {
    return this.events.filter((it) => it.name === name);
  }

  /** Waits for the first event from index `after` on that `wanted` takes: a name, or a function. */
  until(wanted, { after = 0, patienceMs = PATIENCE_MS } = {}) {
    const matches = typeof wanted === "string" ? (it) => it.name === wanted : wanted;
    return new Promise((resolve, reject) => {
      let next = after;
      const look = () => {
        for (; next < this.events.length; next += 1) {
          if (!matches(this.events[next])) continue;
          done();
          resolve(this.events[next]);
          return;
        }
      };
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`${this.#name}: no event ${wanted} within ${patienceMs / 1000} s; had ${this.#inShort(after)}`));
      }, patienceMs);
      this.#waiting.add(look);
      look();
    });
  }

  #inShort(after) {
    const words = this.events.slice(after).map(({ name, from, to, peer, label, error, code, message }) =>
      [name, to && `${from}→${to}`, peer?.slice(0, 4), label, error, code, message].filter(Boolean).join(" "),
    );
    return words.length > 0 ? words.slice(-40).join(", ") : "nothing";
  }
}

/** Asks `probe` again and again until `accept` takes what it returns, and returns that. For what has no event. */
export async function poll(what, probe, accept = Boolean, patienceMs = PATIENCE_MS) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = await probe();
    if (accept(seen)) return seen;
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${patienceMs / 1000} s; last seen ${JSON.stringify(seen)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
