import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, STALL_MS } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { pythonPeer } from "./support/python.mjs";

const PUBLISHED = { "sound and pictures": ["audio", "video"], "sound alone": ["audio"], nothing: [] };

/** Tokens force the ids, and the ids who gives way: the smaller. */
const ORDERS = { "is polite": ["a engine", "b peer"], "is impolite": ["b engine", "a peer"] };

const SDKS = {
  async "a tab"(t, { server, chromium, id }) {
    const tab = await chromium.peer("tab", { url: server.url, token: () => server.token({ sub: id }) });
    await tab.publish();
    return tab;
  },
  async "a Python peer"(t, { server, id }) {
    const python = await pythonPeer(t, "python", { url: server.url, tokens: [server.token({ sub: id })] });
    await python.publish();
    return python;
  },
};

for (const [name, start] of Object.entries(SDKS)) {
  for (const [politeness, [engineId, peerId]] of Object.entries(ORDERS)) {
    test(`f30 the engine ${politeness} in calls with ${name}, whatever it publishes`, async (t) => {
      const server = await startServerWithTokens(t);
      const chromium = name === "a tab" ? await Chromium.start(t) : null;
      const call = async (what, tracks, attempt = 1) => {
        const channel = `${what} ${attempt}`;
        const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: engineId }) });
        const peer = await start(t, { server, chromium, id: peerId });
        if (tracks.length > 0) await engine.publish("camera", tracks);
        const began = performance.now();
        await Promise.all([engine.join(channel), peer.join(channel)]);
        await Promise.all([engine.connectedTo(peerId, 0, STALL_MS), peer.connectedTo(engineId, 0, STALL_MS)]);
        const connected = performance.now() - began;
        const [audio, video] = ["audio", "video"].map((kind) => tracks.includes(kind));
        await Promise.all([engine.mediaFrom(peerId), peer.mediaFrom(engineId, { audio, video })]);
        const kinds = peer.log.all("remote track").map((it) => it.kind);
        assert.deepEqual(kinds.sort(), tracks, "the peer is told of what the engine publishes and of nothing else");
        t.diagnostic(`${what}: connected after ${Math.round(connected)} ms`);
        await engine.end();
        await (peer.end ?? peer.close).call(peer);
      };
      for (const [what, tracks] of Object.entries(PUBLISHED)) {
        if (chromium) await chromium.attempt(t, (attempt) => call(what, tracks, attempt));
        else await call(what, tracks);
      }
    });
  }
}
