import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, STALL_MS } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { poll } from "./support/log.mjs";
import { startProxy } from "./support/proxy.mjs";

/** Calls in each order of politeness. */
const CALLS = 5;
/** Crossings in a call; both sides offer at once in each round, but one may be late. */
const CROSSINGS = 10;
const MAX_ROUNDS = 15;

const ORDERS = { "is polite": ["a engine", "b tab"], "is impolite": ["b engine", "a tab"] };

for (const [politeness, [engineId, tabId]] of Object.entries(ORDERS)) {
  test(`f31 of ${CALLS * CROSSINGS} pairs of crossing offers one each survives when the engine ${politeness}`, async (t) => {
    const chromium = await Chromium.start(t);
    let crossings = 0;
    const call = async () => {
      const server = await startServerWithTokens(t);
      const way = await startProxy(t, server);
      const engine = await enginePeer(t, "engine", { url: way.url, token: () => server.token({ sub: engineId }) });
      const tab = await chromium.peer("tab", { url: way.url, token: () => server.token({ sub: tabId }) });
      await engine.publish();
      await tab.publish();
      await Promise.all([engine.join("demo"), tab.join("demo")]);
      await Promise.all([engine.connectedTo(tabId, 0, STALL_MS), tab.connectedTo(engineId, 0, STALL_MS)]);
      const judged = () => judge(tab.wire.all, engineId, tabId > engineId);
      for (let round = 0; round < MAX_ROUNDS && judged().crossings < CROSSINGS; round += 1) {
        await changeAtOnce(way, engine, tab, engineId, tabId, round);
      }
      await Promise.all([engine.mediaFrom(tabId), tab.mediaFrom(engineId)]);
      await poll("all offers to be answered", async () => judged().open, (open) => open === 0);
      const { crossings: seen } = judged();
      const failures = tab.log.all("remote negotiation-error").filter((it) => /header extension/.test(it.message));
      assert.deepEqual(failures, []);
      assert.deepEqual(engine.log.all("negotiation-error"), []);
      await engine.end();
      await tab.close();
      return seen;
    };
    for (let number = 0; number < CALLS; number += 1) crossings += await chromium.attempt(t, call);
    t.diagnostic(`${crossings} pairs of offers crossed`);
    assert.ok(crossings >= CALLS * CROSSINGS, `only ${crossings} pairs of offers crossed`);
  });
}

/**
 * Each side adds a stream, or takes it away again, and neither's messages arrive before both have offered. Returns when
 * each knows of the other's stream.
 */
async function changeAtOnce(way, engine, tab, engineId, tabId, round) {
  const [engineMark, tabMark] = [engine.log.length, tab.log.length];
  const adds = round % 2 === 0;
  const offers = () => tab.wire.sent.filter((it) => it.data?.description?.type === "offer").length;
  // Both have taken in the round before: what one sends comes in order.
  await tab.call("sendTo", engineId, round);
  await engine.log.until((it) => it.name === "data" && it.data === round);
  await engine.finish({ call: "send", to: tabId, data: round });
  await tab.log.until((it) => it.name === "data" && it.data === round);
  const before = offers();
  way.hold();
  if (adds) await Promise.all([engine.publish("more", ["audio"]), tab.publish("more", { audio: true })]);
  else await Promise.all([engine.unpublish("more"), tab.unpublish("more")]);
  // The engine has offered by then: it needs no microphone.
  await poll("an offer of the tab's", async () => offers(), (count) => count > before);
  way.release();
  const told = (it, peer, name) => it.peer === peer && it.name.endsWith(name);
  const name = adds ? "stream-added" : "stream-removed";
  await engine.log.until((it) => told(it, tabId, name), { after: engineMark });
  await tab.log.until((it) => told(it, engineId, name), { after: tabMark });
}

/**
 * Follows offers and answers as the tab sent and got them, and returns how often they crossed and how many are open. Each
 * time the impolite side's offer must be the one that is answered.
 */
function judge(frames, engineId, tabIsImpolite) {
  let crossings = 0;
  // Offers without an answer, of the tab and of the engine.
  let [ours, theirs] = [0, 0];
  for (const { direction, frame } of frames) {
    const isSent = direction === "sent" && frame.type === "send" && frame.to === engineId;
    const isReceived = direction === "received" && frame.type === "direct" && frame.from === engineId;
    const type = (isSent || isReceived) && frame.data?.description?.type;
    if (type === "offer") {
      if (isSent) ours += 1;
      else theirs += 1;
      if (ours > 0 && theirs > 0) {
        crossings += 1;
        // The polite side's offer is void from here on.
        if (tabIsImpolite) theirs -= 1;
        else ours -= 1;
      }
    } else if (type === "answer") {
      if (isSent) theirs -= 1;
      else ours -= 1;
      assert.ok(ours >= 0 && theirs >= 0, "an offer was answered that should have given way");
    }
  }
  return { crossings, open: ours + theirs };
}
