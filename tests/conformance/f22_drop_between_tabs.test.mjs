import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, SMALL } from "./support/chromium.mjs";
import { startProxy } from "./support/proxy.mjs";
import { startServer } from "./support/server.mjs";

const BACK_MS = 3_000;

for (const layoutChanged of [false, true]) {
  const when = layoutChanged ? " after a screen share came and went" : "";
  test(`f22 a tab whose socket breaks${when} keeps its remote peer and has media again within 3 s`, async (t) => {
    const server = await startServer(t);
    const chromium = await Chromium.start(t);
    await chromium.attempt(t, async (attempt) => {
      const way = await startProxy(t, server);
      const ann = await chromium.peer("ann", { url: way.url });
      const bob = await chromium.peer("bob", { url: server.url });
      const [annId, bobId] = await callBetween(ann, bob, `demo/${attempt}`);
      if (layoutChanged) await shareScreen(bob, ann, bobId);
      const before = (await ann.remotes()).find((it) => it.id === bobId);
      const [annMark, bobMark] = [ann.log.length, bob.log.length];

      const began = performance.now();
      way.cut();
      const reset = await ann.log.until("remote connection-reset", { after: annMark });
      await ann.mediaFrom(bobId);
      const back = performance.now() - began;

      assert.deepEqual([reset.peer, reset.object], [bobId, before.object], "the same RemotePeer");
      const gone = (it) => it.name === "peer-left" && it.peer === bobId;
      assert.ok(!ann.log.events.slice(annMark).some(gone));
      // The other side gets a new peer: a key's id is drawn for each socket.
      const newId = await ann.id();
      assert.notEqual(newId, annId);
      await bob.log.until((it) => it.name === "peer-joined" && it.peer === newId, { after: bobMark });
      await bob.log.until((it) => it.name === "peer-left" && it.peer === annId, { after: bobMark });
      await bob.mediaFrom(newId);
      t.diagnostic(`media back after ${Math.round(back)} ms`);
      assert.ok(back < BACK_MS, `media back after ${back} ms`);
    });
  });
}

/** Joins two tabs that publish, and waits until both have media. Returns their ids. */
async function callBetween(ann, bob, channel) {
  await ann.publish();
  await bob.publish();
  const ids = [await ann.join(channel), await bob.join(channel)];
  await ann.mediaFrom(ids[1]);
  await bob.mediaFrom(ids[0]);
  return ids;
}

/** Adds a second picture and takes it away, which leaves the link with one more m-section than a new one has. */
async function shareScreen(from, to, fromId) {
  const isShown = (it) => it.name === "remote stream-added" && it.peer === fromId;
  const mark = to.log.length;
  await from.publish("screen", { video: SMALL.video }, { role: "screen" });
  await to.log.until(isShown, { after: mark });
  await from.unpublish("screen");
  await to.log.until((it) => it.name === "remote stream-removed" && it.peer === fromId, { after: mark });
}
