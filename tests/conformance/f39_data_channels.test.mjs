import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { startProxy } from "./support/proxy.mjs";

const ORDERS = { polite: ["a engine", "b tab"], impolite: ["b engine", "a tab"] };
/** The SDK's wrapper buffers this much in the channel and keeps this many messages before it. */
const [MAX_BUFFERED, MAX_QUEUED] = [1_048_576, 256];
const LONG = 60_000;

/** Two peers without media in a channel. */
async function meet(t, server, chromium, [engineId, tabId], { engineUrl = server.url, tabUrl = server.url } = {}) {
  const engine = await enginePeer(t, "engine", { url: engineUrl, token: () => server.token({ sub: engineId }) });
  const tab = await chromium.peer("tab", { url: tabUrl, token: () => server.token({ sub: tabId }) });
  await Promise.all([engine.join(engineId), tab.join(engineId)]);
  await engine.log.until((it) => it.name === "peer-joined" && it.peer === tabId);
  await tab.log.until((it) => it.name === "peer-joined" && it.peer === engineId);
  return [engine, tab];
}

/** Waits for a channel's event at a peer. */
function told(peer, name, label, after = 0) {
  return peer.log.until((it) => it.name === name && it.label === label, { after });
}

test("f39 channels of either side carry texts and bytes both ways, in both orders of politeness", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  for (const [order, ids] of Object.entries(ORDERS)) {
    const [engineId, tabId] = ids;
    const [engine, tab] = await meet(t, server, chromium, ids);
    const ours = await engine.openChannel(tabId, "ours");
    await tab.openChannel(engineId, "theirs");
    const open = await bothOpen(engine, tab);
    assert.deepEqual(open.map((it) => it.incoming), [false, true], order);
    assert.equal(open[0].channel, ours);
    const bytes = randomBytes(300);
    for (const { label, channel } of open) {
      await engine.sendOnChannel(channel, `engine on ${label}: žluťoučký`);
      await engine.sendOnChannel(channel, bytes);
      await tab.sendOnChannel(engineId, label, `tab on ${label}: kůň`);
      await tab.sendOnChannel(engineId, label, bytes);
      for (const [peer, text] of [[tab, `engine on ${label}: žluťoučký`], [engine, `tab on ${label}: kůň`]]) {
        const isText = (it) => it.name === "channel-message" && it.label === label && it.text !== undefined;
        const isBytes = (it) => it.name === "channel-message" && it.label === label && it.bytes !== undefined;
        assert.equal((await peer.log.until(isText)).text, text);
        assert.equal((await peer.log.until(isBytes)).bytes, bytes.toString("hex"));
      }
    }
    await engine.demand({ call: "close-channel", channel: ours });
    await tab.run("closeChannel", engineId, "theirs");
    await Promise.all([told(engine, "channel-close", "ours"), told(engine, "channel-close", "theirs")]);
    // The SDK's wrapper does not tell of its own close.
    await told(tab, "channel-close", "ours");
    await Promise.all([engine.end(), tab.close()]);
  }
});

test("f39 neither side takes more than fits, and all that was taken arrives in order", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  const [engine, tab] = await meet(t, server, chromium, ORDERS.polite);
  const channel = await engine.openChannel("b tab", "flood");
  await Promise.all([told(engine, "channel-open", "flood"), told(tab, "channel-open", "flood")]);

  // The engine holds 256 messages, beside the 1 MiB that its link may have in flight.
  let mark = tab.log.length;
  const taken = await engine.demand({ call: "fill-channel", channel, messages: 2_000, bytes: LONG });
  assert.ok(taken < 2_000, "the engine took everything");
  await told(engine, "channel-writable", "flood");
  await engine.sendOnChannel(channel, "last");
  await tab.log.until((it) => it.name === "channel-message" && it.text === "last", { after: mark });
  const arrived = tab.log.events.slice(mark).filter((it) => it.name === "channel-message");
  assert.deepEqual(arrived.map((it) => it.size ?? it.text), [...Array(taken).fill(LONG), "last"]);

  mark = engine.log.length;
  const flood = await tab.run("fillChannel", "a engine", "flood", 2_000, LONG);
  assert.ok(flood.taken >= MAX_QUEUED && flood.taken < 2_000, `the tab took ${flood.taken} messages`);
  assert.ok(flood.most <= MAX_BUFFERED, `${flood.most} bytes were buffered`);
  await tab.sendOnChannel("a engine", "flood", "last");
  await engine.log.until((it) => it.name === "channel-message" && it.text === "last", { after: mark });
  const got = engine.log.events.slice(mark).filter((it) => it.name === "channel-message");
  assert.deepEqual(got.map((it) => it.text.length), [...Array(flood.taken).fill(LONG), 4]);
  t.diagnostic(`of 2000 messages of ${LONG} bytes the engine took ${taken}, the tab ${flood.taken}`);
});

for (const who of ["engine", "tab"]) {
  test(`f39 channels are there again after the ${who}'s connection was replaced`, async (t) => {
    const server = await startServerWithTokens(t);
    const chromium = await Chromium.start(t);
    for (const ids of Object.values(ORDERS)) {
      const [engineId, tabId] = ids;
      const way = await startProxy(t, server, { resume: false });
      const urls = who === "tab" ? { tabUrl: way.url } : { engineUrl: way.url };
      const [engine, tab] = await meet(t, server, chromium, ids, urls);
      const ours = await engine.openChannel(tabId, "ours");
      await tab.openChannel(engineId, "theirs");
      await bothOpen(engine, tab);
      const [dropped, mark] = who === "tab" ? [tab, tab.log.length] : [engine, engine.log.length];
      const marks = [engine.log.length, tab.log.length];
      way.cut();
      await dropped.log.until((it) => it.name.endsWith("connection-reset"), { after: mark });
      // The engine opens its own again by itself; for the other side a new peer has come, as among tabs.
      const isNew = (it) => it.name === "peer-joined";
      if (who === "tab") {
        await engine.log.until(isNew, { after: marks[0] });
        await tab.openChannel(engineId, "theirs");
        await engine.openChannel(tabId, "ours");
      } else {
        await tab.log.until(isNew, { after: marks[1] });
        await tab.openChannel(engineId, "theirs");
      }
      const [again, theirs] = await bothOpen(engine, tab, marks);
      if (who === "engine") assert.equal(again.channel, ours, "the same channel");
      for (const { channel, label } of [again, theirs]) {
        await engine.sendOnChannel(channel, "engine is here");
        await tab.sendOnChannel(engineId, label, "tab is here");
        assert.equal((await told(tab, "channel-message", label, marks[1])).text, "engine is here");
        assert.equal((await told(engine, "channel-message", label, marks[0])).text, "tab is here");
      }
      await Promise.all([engine.end(), tab.close()]);
    }
  });
}

/** Waits until both channels are open at both sides, and returns the engine's events. */
async function bothOpen(engine, tab, [engineMark, tabMark] = [0, 0]) {
  await Promise.all(["ours", "theirs"].map((label) => told(tab, "channel-open", label, tabMark)));
  return Promise.all(["ours", "theirs"].map((label) => told(engine, "channel-open", label, engineMark)));
}
