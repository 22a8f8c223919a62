import { connect, createServer } from "node:net";
import { Transform } from "node:stream";

/**
 * A way to the server that can be broken, so that a client loses its socket and nothing else.
 *
 * Without `resume` the server is not told which session a client would
 * like to go on with, and so gives it a new one, as servers do that know no resumption.
 */
export async function startProxy(t, server, { resume = true } = {}) {
  const { hostname, port } = new URL(server.http);
  const pairs = new Set();
  let isOpen = true;
  let isHeld = false;
  const gates = new Set();
  const listener = createServer((near) => {
    if (!isOpen) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
      const through = from === near && !resume ? from.pipe(withoutResume()) : from;
      const gate = new Gate(isHeld);
      gates.add(gate);
      to.on("close", () => gates.delete(gate));
      through.pipe(gate).pipe(to);
    }
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  t.after(() => {
    cut();
    return new Promise((resolve) => listener.close(resolve));
  });
  return {
    url: `ws://127.0.0.1:${listener.address().port}`,
    /** Breaks every connection through it; new ones can be made. */
    cut,
    /** Breaks each new connection at once, until `accept`. */
    refuse: () => (isOpen = false),
    accept: () => (isOpen = true),
    /** Keeps what comes in either direction, until `release`. */
    hold() {
      isHeld = true;
      for (const gate of gates) gate.keep();
    },
    release() {
      isHeld = false;
      for (const gate of gates) gate.pass();
    },
    /** Lets nothing through any more in either direction, as a dead network does, without closing anything. */
    freeze() {
      for (const [near, far] of pairs) {
        near.unpipe();
        far.unpipe();
        near.pause();
        far.pause();
      }
    },
  };
}

/** Lets everything through, or keeps it until it may pass. */
class Gate extends Transform {
  #isHeld;
  #kept = [];

  constructor(isHeld) {
    super();
    this.#isHeld = isHeld;
  }

  _transform(chunk, _, done) {
    if (this.#isHeld) this.#kept.push(chunk);
    else this.push(chunk);
    done();
  }

  keep() {
    this.#isHeld = true;
  }

  pass() {
    this.#isHeld = false;
    for (const chunk of this.#kept.splice(0)) this.push(chunk);
  }
}

/** Takes the wish to go on with a session out of the upgrade request, which is the first that a client writes. */
function withoutResume() {
  let isFirst = true;
  return new Transform({
    transform(chunk, _, done) {
      const text = isFirst && chunk.toString("latin1").replace(/^(GET \S*?)&resume=[^& ]*(&cursor=[^& ]*)?/, "$1");
      isFirst = false;
      done(null, text ? Buffer.from(text, "latin1") : chunk);
    },
  });
}
