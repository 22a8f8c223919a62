import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, SMALL } from "./support/chromium.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { startProxy } from "./support/proxy.mjs";

const BACK_MS = 3_000;

for (const stable of [false, true]) {
  for (const layoutChanged of [false, true]) {
    const who = stable ? "with a token" : "with a key";
    const when = layoutChanged ? " after a screen share came and went" : "";
    test(`f22 a tab ${who} whose socket breaks${when} keeps its remote peer and has media again within 3 s`, async (t) => {
      const server = await startServerWithTokens(t);
      const chromium = await Chromium.start(t);
      await chromium.attempt(t, async (attempt) => {
        const way = await startProxy(t, server);
        const identity = (sub) => (stable ? { token: () => server.token({ sub }) } : { apiKey: server.publishable });
        const ann = await chromium.peer("ann", { url: way.url, ...identity(`ann ${attempt}`) });
        const bob = await chromium.peer("bob", { url: server.url, ...identity(`bob ${attempt}`) });
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
        // The other side gets a new peer, of the same id if that is a token's.
        const newId = await ann.id();
        assert.equal(newId === annId, stable);
        await bob.log.until((it) => it.name === "peer-joined" && it.peer === newId, { after: bobMark });
        await bob.log.until((it) => it.name === "peer-left" && it.peer === annId, { after: bobMark });
        await bob.mediaFrom(newId);
        t.diagnostic(`media back after ${Math.round(back)} ms`);
        assert.ok(back < BACK_MS, `media back after ${back} ms`);
      });
    });
  }
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
