import assert from "node:assert/strict";
import { poll } from "./log.mjs";

/** How long a step may take unless it says; and all is quiet when nothing has been told for `QUIET_MS`. */
const WITHIN_S = 5;
const QUIET_MS = 200;
/** A loaded machine may take this many times as long. */
const SLACK = 6;
/** What depends on time and buffers, and is no part of a story. */
const LEFT_OUT = new Set(["channel-writable"]);
/** How `media` is told to flow: within this, something of every track. */
const MEDIA_MS = 2_000 * SLACK;

/**
 * Plays a scenario (spec/scenarios/README.md) with peers that are driven by lines of JSON, and compares what they tell.
 * Any language's peer will do that takes the commands of `engine/src/command.rs`.
 */
export class Scenario {
  #story;
  #peers = new Map();
  /** The names of requests, of streams and of data channels, by role and number or id. */
  #requests = new Map();
  #streams = new Map();
  #channels = new Map();
  #ids = new Map();
  #published = new Map();

  constructor(story) {
    this.#story = story;
  }

  addPeer(role, peer) {
    this.#peers.set(role, { peer, read: 0, refused: [] });
    this.#ids.set(role, role);
  }

  async play() {
    for (const [number, step] of this.#story.steps.entries()) {
      for (const action of step.do) await this.#act(action);
      await this.#compare(step, `step ${number + 1} of “${this.#story.title}”`);
      if (step.media) await this.#media(step.media);
    }
  }

  async #act({ action, peer: role, as = action, ...fields }) {
    const { peer, refused } = this.#peers.get(role);
    const start = async (command) => {
      const { value, error } = await peer.request(command);
      // What is refused at once is told as a request that has ended.
      if (error) refused.push(`request-done ${as} ${error}`);
      else this.#requests.set(`${role} ${value}`, as);
    };
    const to = fields.to && this.#ids.get(fields.to);
    switch (action) {
      case "join":
        return start({ call: "join", channel: fields.channel });
      case "leave":
        return start({ call: "leave" });
      case "close":
        return peer.demand({ call: "close" });
      case "add-stream": {
        const { stream, tracks } = fields;
        const published = this.#published.get(role) ?? new Map();
        this.#published.set(role, published.set(stream, tracks));
        return peer.publish(stream, tracks, { role: stream });
      }
      case "remove-stream":
        this.#published.get(role).delete(fields.stream);
        return peer.unpublish(fields.stream);
      case "send":
        return start({ call: "send", data: fields.data, to });
      case "open-channel":
        this.#channels.set(`${role} ${fields.to} ${fields.label}`, await peer.openChannel(to, fields.label));
        return;
      case "send-on-channel":
        return peer.sendOnChannel(this.#channels.get(`${role} ${fields.to} ${fields.label}`), fields.text);
      case "close-channel":
        return peer.demand({ call: "close-channel", channel: this.#channels.get(`${role} ${fields.to} ${fields.label}`) });
      default:
        throw new Error(`no action \`${action}\` in stories of api/`);
    }
  }

  /** Waits until all is told that the step says and then nothing more, and compares. */
  async #compare({ then = {}, within = WITHIN_S }, where) {
    const count = (role) => (then[role] ?? []).length;
    const told = new Map([...this.#peers.keys()].map((role) => [role, []]));
    let changed = performance.now();
    const read = () => {
      for (const [role, state] of this.#peers) {
        const lines = told.get(role);
        const before = lines.length;
        lines.push(...state.refused.splice(0));
        for (const event of state.peer.log.events.slice(state.read)) {
          if (!LEFT_OUT.has(event.name)) lines.push(this.#line(role, event));
        }
        state.read = state.peer.log.length;
        if (lines.length > before) changed = performance.now();
      }
    };
    const isAllThere = () => {
      read();
      return [...told].every(([role, lines]) => lines.length >= count(role)) && performance.now() - changed > QUIET_MS;
    };
    await poll(where, async () => isAllThere(), Boolean, within * 1000 * SLACK).catch(() => {});
    const seen = {};
    const expected = {};
    for (const [role, lines] of told) {
      seen[role] = sorted(lines);
      expected[role] = sorted(then[role] ?? []);
    }
    assert.deepEqual(seen, expected, where);
  }

  #line(role, event) {
    const remote = event.peer && [...this.#ids].find(([, id]) => id === event.peer)?.[0];
    const about = `${remote ?? event.peer}: ${event.name}`;
    switch (event.name) {
      case "state-change":
        return `state-change ${event.from} ${event.to}`;
      case "joined":
        return `joined ${event.channel}`;
      case "left":
        return ["left", event.reason].filter(Boolean).join(" ");
      case "request-done":
        return ["request-done", this.#requests.get(`${role} ${event.request}`), event.error].filter(Boolean).join(" ");
      case "error":
        return `error ${event.error}`;
      case "peer-state-change":
        return `${about} ${event.from} ${event.to}`;
      case "stream-added":
        this.#streams.set(event.stream, event.metadata?.role);
        return `${about} ${this.#streams.get(event.stream)}`;
      case "stream-removed":
        return `${about} ${this.#streams.get(event.stream)}`;
      case "track-added":
      case "track-removed":
        return `${about} ${this.#streams.get(event.stream)} ${event.kind}`;
      case "data":
        return `${about} ${event.kind} ${JSON.stringify(event.data)}`;
      case "channel-open":
        this.#channels.set(`${role} ${remote} ${event.label}`, event.channel);
        return `${about} ${event.label}`;
      case "channel-close":
        return `${about} ${event.label}`;
      case "channel-message":
        return `${about} ${event.label} ${event.text}`;
      default:
        return event.peer ? about : event.name;
    }
  }

  /** Checks what is true of media between all that are in the channel. */
  async #media(claim) {
    if (claim !== "flows") throw new Error(`media that is \`${claim}\` is for stories of net/`);
    for (const [role, { peer }] of this.#peers) {
      if ((await peer.state()) !== "joined") continue;
      for (const [other, published] of this.#published) {
        if (other === role || (await this.#peers.get(other).peer.state()) !== "joined") continue;
        const tracks = [...published.values()].flat();
        const [audio, video] = ["audio", "video"].map((kind) => tracks.includes(kind));
        await peer.mediaFrom(this.#ids.get(other), { audio, video, patienceMs: MEDIA_MS });
      }
    }
  }
}

/** Sorts lines by whom they are about; those about one remote peer stay in their order, as do the session's. */
function sorted(lines) {
  const about = (line) => /^(\S+): /.exec(line)?.[1] ?? "";
  return [...lines].map((line, index) => ({ line, index, key: about(line) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index)).map(({ line }) => line);
}
