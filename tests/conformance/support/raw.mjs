import WebSocket from "ws";
import { Log, PATIENCE_MS } from "./log.mjs";
import { KEY } from "./server.mjs";

/**
 * A client without an SDK. Its log has every frame as it came (`name` is the frame's `type`), `ping` for the server's
 * control pings and `close` with `code` and `reason` at the end.
 */
export class Raw {
  log;
  /** The welcome, once it is there. */
  welcome;
  #socket;
  #requests = 0;

  /** Opens a socket; the upgrade's failure rejects with `status`. */
  static async open(url, query = `?key=${KEY}`, { name = "raw client", headers, autoPong = true } = {}) {
    const raw = new Raw(name);
    const socket = new WebSocket(`${url}/v1${query}`, { headers, autoPong });
    raw.#listen(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("unexpected-response", async (_, response) => {
        const chunks = [];
        for await (const chunk of response) chunks.push(chunk);
        const body = Buffer.concat(chunks).toString();
        reject(Object.assign(new Error(`HTTP ${response.statusCode}: ${body}`), { status: response.statusCode, body }));
      });
      socket.once("error", reject);
    });
    return raw;
  }

  /** Opens a socket and reads the welcome. */
  static async connect(url, query, options) {
    const raw = await Raw.open(url, query, options);
    const first = await raw.log.until((it) => it.name === "welcome" || it.name === "close");
    if (first.name === "close") throw new Error(`closed ${first.code} ${first.reason} before the welcome`);
    raw.welcome = first;
    return raw;
  }

  constructor(name) {
    this.log = new Log(name);
  }

  get id() {
    return this.welcome.peerId;
  }

  #listen(socket) {
    this.#socket = socket;
    socket.on("message", (data, isBinary) => {
      const text = data.toString();
      const frame = isBinary ? { type: "binary" } : JSON.parse(text);
      this.log.add({ name: frame.type, ...frame, text });
    });
    socket.on("ping", (payload) => this.log.add({ name: "ping", payload: payload.toString("hex") }));
    socket.on("close", (code, reason) => this.log.add({ name: "close", code, reason: reason.toString() }));
    // A socket that fails also closes.
    socket.on("error", () => {});
  }

  /** Sends an object as a frame, a string or bytes as they are. */
  send(frame) {
    this.#socket.send(typeof frame === "string" || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** Sends a request and returns its `ack` or `error`. */
  async request(frame) {
    this.#requests += 1;
    const requestId = frame.requestId ?? `r${this.#requests}`;
    const after = this.log.length;
    this.send({ ...frame, requestId });
    return this.log.until((it) => it.requestId === requestId && ["ack", "error"].includes(it.name), { after });
  }

  /** Subscribes and returns the ids of the snapshot. Rejects with the server's code. */
  async subscribe(channel, options = {}) {
    const after = this.log.length;
    const answer = await this.request({ type: "subscribe", channel, ...options });
    if (answer.name === "error") throw Object.assign(new Error(answer.code), { code: answer.code });
    const snapshot = await this.log.until((it) => it.name === "presence" && it.channel === channel, { after });
    return snapshot.joined.map((it) => it.peerId);
  }

  /** Proves that the connection works, and that all that was sent to it before has come: the answers are in order. */
  async settle() {
    const after = this.log.length;
    this.send({ type: "ping" });
    await this.log.until("pong", { after });
  }

  /** Waits until all that was sent is answered or the socket is closed, and returns the close if so. */
  async settleOrClose() {
    const after = this.log.length;
    this.send({ type: "ping" });
    const end = await this.log.until((it) => it.name === "pong" || it.name === "close", { after });
    return end.name === "close" ? end : null;
  }

  presence(channel) {
    return this.log.all("presence").filter((it) => it.channel === channel);
  }

  async closed() {
    return this.log.until("close", { patienceMs: PATIENCE_MS });
  }

  async close() {
    this.#socket.close(1000);
    await this.closed();
  }

  /** Ends the socket without a goodbye. */
  terminate() {
    this.#socket.terminate();
  }
}
