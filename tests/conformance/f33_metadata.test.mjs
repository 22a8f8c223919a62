import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, SMALL } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { startProxy } from "./support/proxy.mjs";
import { pythonPeer } from "./support/python.mjs";

const ORDERS = { polite: ["a engine", "b peer"], impolite: ["b engine", "a peer"] };

/** Waits for a stream of a peer and returns its metadata. */
async function streamOf(peer, from, after = 0) {
  const added = await peer.log.until((it) => it.name.endsWith("stream-added") && it.peer === from, { after });
  return added.metadata;
}

test("f33 a tab without media and a Python peer read the metadata of the engine's streams, and it theirs", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  for (const [order, [engineId, peerId]] of Object.entries(ORDERS)) {
    const [tabId, pythonId] = [`${peerId} 1`, `${peerId} 2`];
    const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: engineId }) });
    const tab = await chromium.peer("tab", { url: server.url, token: () => server.token({ sub: tabId }) });
    const python = await pythonPeer(t, "python", { url: server.url, tokens: [server.token({ sub: pythonId })] });
    await engine.publish("camera", ["audio", "video"], { role: "camera", of: "engine" });
    await python.publish("camera", ["audio", "video"], { role: "camera", of: "python" });
    await Promise.all([engine.join(order), tab.join(order), python.join(order)]);
    for (const reader of [tab, python]) {
      assert.deepEqual(await streamOf(reader, engineId), { role: "camera", of: "engine" }, order);
    }
    assert.deepEqual(await streamOf(engine, pythonId), { role: "camera", of: "python" }, order);
    await Promise.all([engine.end(), tab.close(), python.end()]);
  }
});

// In this flow a tab cannot tell another tab's metadata.
test("f33 the engine reads a tab's metadata when both publish before they join, and of what comes later", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  for (const [order, [engineId, peerId]] of Object.entries(ORDERS)) {
    const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: engineId }) });
    const tab = await chromium.peer("tab", { url: server.url, token: () => server.token({ sub: peerId }) });
    await engine.publish("camera", ["audio", "video"], { role: "camera" });
    await tab.publish("camera", SMALL, { role: "camera", of: "tab" });
    await Promise.all([engine.join(order), tab.join(order)]);
    assert.deepEqual(await streamOf(engine, peerId), { role: "camera", of: "tab" }, order);
    const mark = engine.log.length;
    await tab.publish("screen", { video: SMALL.video }, { role: "screen" });
    assert.deepEqual(await streamOf(engine, peerId, mark), { role: "screen" }, order);
    await Promise.all([engine.end(), tab.close()]);
  }
});

test("f33 what is said of a stream is taken back with it, and follows a track that is replaced", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  const way = await startProxy(t, server);
  const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: "a engine" }) });
  const tab = await chromium.peer("tab", { url: way.url, token: () => server.token({ sub: "b tab" }) });
  await engine.publish("camera", ["video"], { role: "camera" });
  await Promise.all([engine.join("demo"), tab.join("demo")]);
  await tab.mediaFrom("a engine", { audio: false });

  // The engine's word on its track: given, and taken back.
  const said = () => tab.wire.received.map((it) => it.data?.__meteredTrackMeta).filter(Boolean);
  const [{ trackId, metadata, streamId, kind }] = said();
  assert.deepEqual([metadata, kind, typeof streamId], [{ role: "camera" }, "video", "string"]);
  await engine.unpublish("camera");
  await tab.log.until("remote stream-removed");
  const last = said().at(-1);
  assert.deepEqual([last.trackId, last.metadata], [trackId, undefined]);

  // A tab's stream that comes again without metadata has none.
  let mark = engine.log.length;
  await tab.publish("camera", { video: SMALL.video }, { role: "camera" });
  assert.deepEqual(await streamOf(engine, "b tab", mark), { role: "camera" });
  await tab.run("withdraw", "camera");
  await engine.log.until("stream-removed", { after: mark });
  mark = engine.log.length;
  await tab.run("again", "camera");
  assert.equal(await streamOf(engine, "b tab", mark), undefined);

  // A replaced track takes its metadata over to the next connection.
  mark = engine.log.length;
  await tab.publish("screen", { video: SMALL.video }, { role: "screen" });
  assert.deepEqual(await streamOf(engine, "b tab", mark), { role: "screen" });
  await tab.run("replaceTrack", "screen", "video", { video: SMALL.video });
  mark = engine.log.length;
  way.cut();
  const again = (it) => it.name === "stream-added" && it.metadata?.role === "screen";
  await engine.log.until(again, { after: mark });
});
