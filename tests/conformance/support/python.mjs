import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Log, poll } from "./log.mjs";
import { KEY } from "./server.mjs";

const PYTHON = process.env.PARLOR_PYTHON ?? fileURLToPath(new URL("../.venv/bin/python", import.meta.url));
const PROGRAM = fileURLToPath(new URL("peer.py", import.meta.url));

/** Starts a peer of the Python SDK in a process of its own. `options` are the SDK's, in its own spelling. */
export async function pythonPeer(t, name, options) {
  const peer = new PythonPeer(name);
  t.after(() => peer.end());
  const credential = options.tokens ? {} : { api_key: KEY };
  await peer.expect("create", { ...credential, ...options });
  return peer;
}

class PythonPeer {
  #child = spawn(PYTHON, [PROGRAM], { stdio: ["pipe", "pipe", "pipe"] });
  #answers = new Map();
  #calls = 0;
  #complaints = "";
  #ended;

  constructor(name) {
    this.log = new Log(name);
    let rest = "";
    this.#child.stdout.on("data", (data) => {
      const lines = (rest + data).split("\n");
      rest = lines.pop();
      for (const line of lines) this.#take(JSON.parse(line));
    });
    this.#child.stderr.on("data", (data) => (this.#complaints += data));
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#ended.then(() => {
      for (const answer of this.#answers.values()) answer({ error: "ended", message: this.#complaints });
    });
  }

  /** What Python wrote to its standard error. */
  get complaints() {
    return this.#complaints;
  }

  /** Calls a method and returns its outcome, `value` or `error`. */
  call(method, ...args) {
    this.#calls += 1;
    const id = this.#calls;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#child.stdin.write(`${JSON.stringify({ id, call: method, args })}\n`);
    return answer;
  }

  /** Calls a method that must succeed and returns its value. */
  async expect(method, ...args) {
    const { value, error, message } = await this.call(method, ...args);
    if (error) throw new Error(`${method}: ${error}: ${message}`);
    return value;
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

  /** Waits until decoded sound and pictures come from a peer, from now on. */
  async mediaFrom(peerId, { video = true, audio = true, patienceMs = undefined } = {}) {
    const first = await this.expect("frames", peerId);
    const rises = (now) => (!video || now.video > first.video) && (!audio || now.audio > first.audio);
    return poll(`media from ${peerId}`, () => this.expect("frames", peerId), rises, patienceMs);
  }

  async end() {
    this.#child.stdin.end();
    const impatience = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.#ended;
    clearTimeout(impatience);
  }

  #take({ id, event, ...answer }) {
    if (event) {
      this.log.add(event);
    } else {
      this.#answers.get(id)(answer);
      this.#answers.delete(id);
    }
  }
}
