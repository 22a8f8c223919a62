import { spawn } from "node:child_process";
import { Log, poll } from "./log.mjs";

const END_MS = 10_000;

/**
 * A peer in a process of its own. It reads commands, each with an `id`, and writes lines: `{id, value}` or
 * `{id, error, message}` for each command, and `{event}` for what the peer tells.
 */
export class ProcessPeer {
  #child;
  #answers = new Map();
  #calls = 0;
  #complaints = "";
  #ended;

  constructor(name, file, args = [], env = {}) {
    this.log = new Log(name);
    this.#child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
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

  /** What the process wrote to its standard error. */
  get complaints() {
    return this.#complaints;
  }

  /** Gives a command, an object, and returns its outcome, `value` or `error`. */
  request(command) {
    this.#calls += 1;
    const id = this.#calls;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#child.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
    return answer;
  }

  /** Gives a command that must succeed and returns its value. */
  async demand(command) {
    const { value, error, message } = await this.request(command);
    if (error) throw Object.assign(new Error(`${command.call}: ${error}: ${message}`), { code: error });
    return value;
  }

  /** Waits until more sound and pictures come from a peer than did before. */
  async mediaFrom(peerId, { video = true, audio = true, patienceMs = undefined } = {}) {
    const first = await this.frames(peerId);
    const rises = (now) => (!video || now.video > first.video) && (!audio || now.audio > first.audio);
    return poll(`media from ${peerId}`, () => this.frames(peerId), rises, patienceMs);
  }

  async end() {
    this.#child.stdin.end();
    const impatience = setTimeout(() => this.#child.kill("SIGKILL"), END_MS);
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
