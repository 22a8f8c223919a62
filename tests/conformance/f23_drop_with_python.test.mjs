import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { startProxy } from "./support/proxy.mjs";
import { pythonPeer } from "./support/python.mjs";

const CALLS = 10;
const BACK_MS = 10_000;
/** How long a call may take to be there, and to be there again, before it is called lost. */
const PATIENCE_MS = 10_000;
/**
 * Calls are lost, and then told and made again. Chromium stalls after crossing offers (see `Chromium.attempt`). And the tab
 * closes its connection when it is told `left`, while the Python peer has not read its own snapshot yet and so still has
 * the old connection, or has just left it: aiortc then calls the peer closed for good. When all that the server sends to
 * the tab is held up for 300 ms, no call is lost (0 of 7, against 3 of 7). A server that tells `left` at the close loses
 * every call.
 */
const MAX_LOST = 8;

test(`f23 media comes back after the Python peer's socket broke, and after the tab's, ${CALLS} times of ${CALLS}`, async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  const times = [];
  let lost = 0;
  while (times.length < CALLS) {
    const [pythonWay, tabWay] = [await startProxy(t, server), await startProxy(t, server)];
    const number = times.length + lost;
    // Ids that stay and ids that are drawn for each socket, in both orders.
    const names = [["ann", "bob"], ["bob", "ann"], null][number % 3];
    const token = (sub) => server.token({ sub });
    const [python, tab] = [
      await pythonPeer(t, "python", {
        url: pythonWay.url,
        ...(names ? { tokens: [token(names[0]), token(names[0])] } : { api_key: server.publishable }),
      }),
      await chromium.peer("tab", {
        url: tabWay.url,
        ...(names ? { token: () => token(names[1]) } : { apiKey: server.publishable }),
      }),
    ];
    await Promise.all([python.publish(), tab.publish()]);
    const channel = `demo/${number}`;
    await tab.join(channel);
    await python.join(channel);
    try {
      await bothHear(tab, python);
      times.push([
        await drop(pythonWay, python, tab),
        await drop(tabWay, tab, python),
      ]);
    } catch (failure) {
      lost += 1;
      if (lost > MAX_LOST) throw failure;
      t.diagnostic(`a call is lost (${names ? `Python is ${names[0]}` : "drawn ids"}): ${failure.message}; Python: ${await states(python)}; tab: ${await states(tab)}`);
    }
    await tab.close();
    await python.end();
  }
  const slowest = (index) => Math.round(Math.max(...times.map((it) => it[index])));
  t.diagnostic(`slowest: ${slowest(0)} ms after Python's drop, ${slowest(1)} ms after the tab's`);
});

/** Breaks the socket of one of two peers, and returns how long it takes until both have media again. */
async function drop(way, dropped, stays) {
  const mark = dropped.log.length;
  const began = performance.now();
  way.cut();
  await dropped.log.until((it) => it.name === "state-change" && it.to === "joined", { after: mark });
  await bothHear(dropped, stays);
  const took = performance.now() - began;
  assert.ok(took < BACK_MS, `media back after ${Math.round(took)} ms`);
  return took;
}

async function bothHear(one, other) {
  const [oneId, otherId] = [await one.id(), await other.id()];
  const patienceMs = PATIENCE_MS;
  await Promise.all([one.mediaFrom(otherId, { patienceMs }), other.mediaFrom(oneId, { patienceMs })]);
}

async function states(peer) {
  return (await peer.remotes()).map((it) => it.state).join(", ");
}
