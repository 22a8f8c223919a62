import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { chromium } from "playwright-core";
import { Log, poll } from "./log.mjs";
import { KEY } from "./server.mjs";

const EXECUTABLE = process.env.PARLOR_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  // Tabs of a test are all in use, whichever is in front.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
];
const require = createRequire(import.meta.url);
const FILES = {
  "/sdk.mjs": require.resolve("@metered-ca/realtime").replace(/index\.\w+$/, "index.mjs"),
  "/drive.mjs": new URL("drive.mjs", import.meta.url),
  "/page.mjs": new URL("page.mjs", import.meta.url),
};

const ATTEMPTS = 3;
/** How long a message may be on its way; the browsers may be far behind. */
const RELAY_MS = 20_000;

/** How long the start of a call may take before it counts as stalled (see `Chromium.attempt`). */
export const STALL_MS = 15_000;

/** A picture and a sound that two cores can carry several times. */
export const SMALL = { audio: true, video: { width: 320, height: 180, frameRate: 15 } };

/** A browser with pages that hold one peer each. The test `t` closes it at its end. */
export class Chromium {
  #browser;
  #pages;
  #context;
  #tabs = [];

  static async start(t) {
    const it = new Chromium();
    it.#pages = await servePages();
    it.#browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
    it.#context = await it.#browser.newContext();
    t.after(async () => {
      await it.#browser.close();
      await it.#pages.close();
    });
    return it;
  }

  /** The origin of the pages. */
  get origin() {
    return this.#pages.origin;
  }

  /** Opens a page without a peer, for a connection that the test makes by hand. */
  async page() {
    const page = await this.#context.newPage();
    await page.goto(`${this.#pages.origin}/`);
    return page;
  }

  /** Opens a page with a peer that has not joined yet; `options` are the SDK's. `token` answers for each connect. */
  async peer(name, { token, ...options }) {
    const page = await this.#context.newPage();
    const log = new Log(name);
    const wire = watchWire(page);
    page.on("pageerror", (error) => log.add({ name: "uncaught", message: error.message }));
    await page.exposeFunction("report", (event) => log.add(event));
    if (token) await page.exposeFunction("token", token);
    await page.goto(`${this.#pages.origin}/`);
    const credential = token ? { tokens: true } : { apiKey: options.apiKey ?? KEY };
    await page.evaluate((it) => window.conformance.create(it), { ...options, ...credential });
    const tab = new Tab(page, log, wire);
    this.#tabs.push(tab);
    return tab;
  }

  /**
   * Runs `test` with tabs of its own, and again, up to `ATTEMPTS` times, when it fails although the server had passed on
   * every message between the tabs: then the fault is at the ends. Each failure is told.
   *
   * Between two tabs with the JavaScript SDK 1.2.0, crossing offers now and then leave a pair without a connection on a
   * loaded machine: the polite tab takes its offer back and answers, and Chromium then gathers no candidates for it. Both
   * peers stay `idle`, nothing ever tries again. A tab that gives way to the engine stalls in the same way.
   */
  async attempt(t, test) {
    for (let attempt = 1; ; attempt += 1) {
      this.#tabs = [];
      try {
        return await test(attempt);
      } catch (failure) {
        await assertRelayed(this.#tabs);
        if (attempt === ATTEMPTS) throw failure;
        t.diagnostic(`attempt ${attempt} failed at the ends: ${failure.message.slice(0, 200)}`);
      } finally {
        for (const tab of this.#tabs) await tab.page.close();
      }
    }
  }
}

/** Waits until each tab has got all that the others have sent it, in order; fails when that does not come true. */
export async function assertRelayed(tabs) {
  const byId = new Map();
  for (const tab of tabs) byId.set(await tab.id(), tab);
  for (const [from, sender] of byId) {
    for (const [to, receiver] of byId) {
      const sent = () => sender.wire.sent.filter((it) => it.type === "send" && it.to === to);
      const got = () => receiver.wire.received.filter((it) => it.type === "direct" && it.from === from);
      const isRelayed = () => isDeepStrictEqual(payloads(got()), payloads(sent()));
      await poll("every message between two tabs to be passed on", async () => isRelayed(), Boolean, RELAY_MS);
    }
  }
}

function payloads(frames) {
  return frames.map((it) => it.data);
}

/** Keeps the frames of a page's sockets, by direction and all in the order in which the page handled them. */
function watchWire(page) {
  const wire = { sent: [], received: [], all: [] };
  const note = (direction) => ({ payload }) => {
    const frame = JSON.parse(payload);
    wire[direction].push(frame);
    wire.all.push({ direction, frame });
  };
  page.on("websocket", (socket) => {
    socket.on("framesent", note("sent"));
    socket.on("framereceived", note("received"));
  });
  return wire;
}

/** A peer in a page. */
export class Tab {
  constructor(page, log, wire) {
    this.page = page;
    this.log = log;
    this.wire = wire;
  }

  call(method, ...args) {
    return this.page.evaluate(([name, values]) => window.conformance.call(name, ...values), [method, args]);
  }

  async publish(name = "camera", constraints = SMALL, metadata = undefined) {
    await this.page.evaluate((it) => window.conformance.publish(...it), [name, constraints, metadata]);
  }

  async unpublish(name) {
    await this.page.evaluate((it) => window.conformance.unpublish(it), name);
  }

  /** Joins and returns the peer's id. */
  async join(channel) {
    const { error, message } = await this.call("join", channel);
    if (error) throw new Error(`join: ${error}: ${message}`);
    return this.id();
  }

  /** Calls a function of the page's `window.conformance`. */
  run(name, ...args) {
    return this.page.evaluate(([it, values]) => window.conformance[it](...values), [name, args]);
  }

  /** Opens a data channel to a peer. */
  async openChannel(peerId, label, options = {}) {
    await this.run("openChannel", peerId, label, options);
  }

  /** Sends a text, or a buffer, on the channel of this label. */
  sendOnChannel(peerId, label, message) {
    const content = typeof message === "string" ? { text: message } : { bytes: message.toString("hex") };
    return this.run("sendOnChannel", peerId, label, content);
  }

  state() {
    return this.page.evaluate(() => window.conformance.state());
  }

  id() {
    return this.page.evaluate(() => window.conformance.peerId());
  }

  remotes() {
    return this.page.evaluate(() => window.conformance.remotes());
  }

  received(peerId) {
    return this.page.evaluate((it) => window.conformance.received(it), peerId);
  }

  /** Waits until the link to a peer is connected, from event `after` on. */
  connectedTo(peerId, after = 0, patienceMs = undefined) {
    const matches = (it) => it.name === "remote state-change" && it.peer === peerId && it.to === "connected";
    return this.log.until(matches, { after, patienceMs });
  }

  /** Waits until sound and picture come from a peer: some, and then more. */
  async mediaFrom(peerId, { video = true, audio = true, patienceMs = undefined } = {}) {
    const first = await this.received(peerId);
    const rises = (now) =>
      (!video || (now.framesDecoded > first.framesDecoded && now.videoBytes > first.videoBytes)) &&
      (!audio || now.audioBytes > first.audioBytes);
    return poll(`media from ${peerId}`, () => this.received(peerId), rises, patienceMs);
  }

  async close() {
    await this.call("close");
    await this.page.close();
  }
}

/** Serves the page and its modules: scripts get a camera and `ws:` only from an origin on this machine. */
async function servePages() {
  const html = `<!doctype html><meta charset="utf-8"><title>peer</title><script type="module" src="/page.mjs"></script>`;
  const server = createServer((request, response) => {
    const file = FILES[request.url];
    const type = file ? "text/javascript" : "text/html";
    if (!file && request.url !== "/") response.writeHead(404).end();
    else response.writeHead(200, { "content-type": type }).end(file ? readFileSync(file) : html);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
