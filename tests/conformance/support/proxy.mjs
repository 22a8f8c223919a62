import { connect, createServer } from "node:net";

/** A way to the server that can be broken, so that a client loses its socket and nothing else. */
export async function startProxy(t, server) {
  const { hostname, port } = new URL(server.http);
  const pairs = new Set();
  let isOpen = true;
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
      from.pipe(to);
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
    /** Lets nothing through any more in either direction, as a dead network does, without closing anything. */
    freeze() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
  };
}
