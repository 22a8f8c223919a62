import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, SMALL, STALL_MS } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { pythonPeer } from "./support/python.mjs";

const SCREEN = { role: "screen" };
const ORDERS = { "is polite": ["a engine", "b peer"], "is impolite": ["b engine", "a peer"] };

for (const [politeness, [engineId, peerId]] of Object.entries(ORDERS)) {
  test(`f34 screen shares come and go twice between a tab and an engine that ${politeness}`, async (t) => {
    const chromium = await Chromium.start(t);
    await chromium.attempt(t, () => shareBothWays(t, chromium, engineId, peerId));
  });
}

async function shareBothWays(t, chromium, engineId, peerId) {
  const server = await startServerWithTokens(t);
  const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: engineId }) });
  const tab = await chromium.peer("tab", { url: server.url, token: () => server.token({ sub: peerId }) });
  await engine.publish("camera", ["audio", "video"], { role: "camera" });
  await tab.publish("camera", SMALL, { role: "camera" });
  await Promise.all([engine.join("demo"), tab.join("demo")]);
  const patienceMs = STALL_MS;
  await Promise.all([engine.mediaFrom(peerId, { patienceMs }), tab.mediaFrom(engineId, { patienceMs })]);
  for (let round = 1; round <= 2; round += 1) {
    // In a section that is used again Chromium keeps the first track's id, by which the SDK looks metadata up.
    await shares(engine, () => engine.publish("screen", ["video"], SCREEN), tab, engineId, { named: round === 1 });
    await shares(tab, () => tab.publish("screen", { video: SMALL.video }, SCREEN), engine, peerId);
    await Promise.all([engine.mediaFrom(peerId), tab.mediaFrom(engineId)]);
  }
  // What was added is what was taken away, and the cameras went on.
  const ids = (log, name) => log.events.filter((it) => it.name.endsWith(name)).map((it) => it.stream);
  for (const { log } of [engine, tab]) {
    assert.equal(ids(log, "stream-added").length, 3);
    assert.deepEqual(ids(log, "stream-added").slice(1), ids(log, "stream-removed"));
    assert.equal(log.events.filter((it) => /state-change$/.test(it.name) && it.to === "reconnecting").length, 0);
  }
  assert.deepEqual(engine.log.all("negotiation-error"), []);
}

test("f34 screen shares come and go twice from a Python peer, and one from the engine", async (t) => {
  const server = await startServerWithTokens(t);
  const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: "a engine" }) });
  const python = await pythonPeer(t, "python", { url: server.url, tokens: [server.token({ sub: "b peer" })] });
  await engine.publish();
  await python.publish();
  await Promise.all([engine.join("demo"), python.join("demo")]);
  await Promise.all([engine.mediaFrom("b peer"), python.mediaFrom("a engine")]);
  for (let round = 1; round <= 2; round += 1) {
    await shares(python, () => python.publish("screen", ["video"], SCREEN), engine, "b peer");
    await Promise.all([engine.mediaFrom("b peer"), python.mediaFrom("a engine")]);
  }
  // aiortc announces an m-section's track once in its life, and its end never.
  await engine.publish("screen", ["video"], SCREEN);
  await python.log.until((it) => it.name === "remote stream-added" && it.metadata?.role === "screen");
  await engine.unpublish("screen");
  await Promise.all([engine.mediaFrom("b peer"), python.mediaFrom("a engine")]);
});

/** One side shows its screen and stops; waits until the other has been told of both, and of the metadata if `named`. */
async function shares(from, publish, to, fromId, { named = true } = {}) {
  const mark = to.log.length;
  const about = (it, name) => it.peer === fromId && it.name.endsWith(name);
  await publish();
  const added = await to.log.until((it) => about(it, "stream-added"), { after: mark });
  if (named) assert.deepEqual(added.metadata, SCREEN, `what is known of the stream of ${fromId}`);
  await to.mediaFrom(fromId);
  await from.unpublish("screen");
  await to.log.until((it) => about(it, "stream-removed"), { after: mark });
}
