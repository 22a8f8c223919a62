import { fileURLToPath } from "node:url";
import { ProcessPeer } from "./process.mjs";
import { KEY } from "./server.mjs";

const PYTHON = process.env.PARLOR_PYTHON ?? fileURLToPath(new URL("../.venv/bin/python", import.meta.url));
const PROGRAM = fileURLToPath(new URL("peer.py", import.meta.url));

/** Starts a peer of the Python SDK in a process of its own. `options` are the SDK's, in its own spelling. */
export async function pythonPeer(t, name, options) {
  const peer = new PythonPeer(name, PYTHON, [PROGRAM]);
  t.after(() => peer.end());
  const credential = options.tokens ? {} : { api_key: KEY };
  await peer.expect("create", { ...credential, ...options });
  return peer;
}

class PythonPeer extends ProcessPeer {
  /** Calls a method and returns its outcome, `value` or `error`. */
  call(method, ...args) {
    return this.request({ call: method, args });
  }

  /** Calls a method that must succeed and returns its value. */
  expect(method, ...args) {
    return this.demand({ call: method, args });
  }

  async publish(name = "camera", kinds = ["audio", "video"], metadata = null) {
    await this.expect("publish", name, kinds, metadata);
  }

  async unpublish(name) {
    await this.expect("unpublish", name);
  }

  /** Joins and returns the peer's id. */
  async join(channel) {
    await this.expect("join", channel);
    return this.id();
  }

  async state() {
    return (await this.expect("state")).state;
  }

  async id() {
    return (await this.expect("state")).id;
  }

  async remotes() {
    return (await this.expect("state")).remotes;
  }

  connectedTo(peerId, after = 0, patienceMs = undefined) {
    const matches = (it) => it.name === "remote state-change" && it.peer === peerId && it.to === "connected";
    return this.log.until(matches, { after, patienceMs });
  }

  /** How many frames were decoded of a peer. */
  frames(peerId) {
    return this.expect("frames", peerId);
  }
}
