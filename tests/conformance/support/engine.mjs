import { ProcessPeer } from "./process.mjs";
import { KEY } from "./server.mjs";

const BINARY = process.env.PARLOR_ENGINE;

/**
 * Starts a session of the engine in a process of its own. `options` are those of its `create` command; a `token` that is
 * a function answers each time that the session needs one. `env` goes to the process.
 */
export async function enginePeer(t, name, { token, env = {}, ...options }) {
  if (!BINARY) throw new Error("PARLOR_ENGINE must name the engine's program; `cargo xtask conformance` does that");
  const peer = new EnginePeer(name, BINARY, [], env);
  t.after(() => peer.end());
  if (typeof token === "function") peer.answerTokens(token);
  const fixed = token ? { token } : { key: KEY };
  const credential = typeof token === "function" ? {} : fixed;
  await peer.demand({ call: "create", ...credential, ...options });
  return peer;
}

/** A program that speaks the engine's line protocol. */
export class EnginePeer extends ProcessPeer {
  /** Answers each `token-needed`; the token stays out of the log. */
  answerTokens(token) {
    this.log.onEvent = async ({ name, request }) => {
      if (name === "token-needed") await this.request({ call: "provide-token", request, token: await token() });
    };
  }

  async publish(stream = "camera", tracks = ["audio", "video"], metadata = null) {
    await this.demand({ call: "add-stream", stream, tracks, metadata });
  }

  async unpublish(stream) {
    await this.demand({ call: "remove-stream", stream });
  }

  /** Gives a command that starts a request, waits for the request's end and returns that. */
  async finish(command) {
    const request = await this.demand(command);
    return this.log.until((it) => it.name === "request-done" && it.request === request);
  }

  /** Joins and returns the peer's id. */
  async join(channel) {
    const { error, message } = await this.finish({ call: "join", channel });
    if (error) throw Object.assign(new Error(`join: ${error}: ${message}`), { code: error });
    return this.id();
  }

  async leave() {
    await this.finish({ call: "leave" });
  }

  async state() {
    return (await this.demand({ call: "state" })).state;
  }

  async id() {
    return (await this.demand({ call: "state" })).id;
  }

  async remotes() {
    return (await this.demand({ call: "state" })).remotes;
  }

  /** Waits until the link to a peer is connected, from event `after` on. */
  connectedTo(peer, after = 0, patienceMs = undefined) {
    const matches = (it) => it.name === "peer-state-change" && it.peer === peer && it.to === "connected";
    return this.log.until(matches, { after, patienceMs });
  }

  /** How many pictures were decoded and packets of sound came of a peer, and the longest pause of the pictures. */
  frames(peer) {
    return this.demand({ call: "received", peer });
  }

  /** The figures of each track that a peer sends. */
  async trackStats(peer) {
    return (await this.demand({ call: "track-stats" })).filter((it) => it.peer === peer);
  }

  /** Opens a data channel and returns its number. */
  openChannel(to, label, options = {}) {
    return this.demand({ call: "open-channel", to, label, ...options });
  }

  /** Sends a text, or a buffer, on the channel of this number. */
  sendOnChannel(channel, message) {
    const content = typeof message === "string" ? { text: message } : { bytes: message.toString("hex") };
    return this.demand({ call: "send-on-channel", channel, ...content });
  }
}
