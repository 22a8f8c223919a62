import assert from "node:assert/strict";
import { test } from "node:test";
import { assertRelayed, Chromium } from "./support/chromium.mjs";
import { poll } from "./support/log.mjs";
import { startServer } from "./support/server.mjs";

const PEERS = 8;
const PAIRS = (PEERS * (PEERS - 1)) / 2;
const CONNECT_MS = 30_000;
/** Chromium's stall after crossing offers (see `Chromium.attempt`) hits one of so many pairs easily. */
const MAX_REJOINS = 6;

test(`f21 ${PEERS} tabs that join at once are all connected with each other`, async (t) => {
  const server = await startServer(t);
  const chromium = await Chromium.start(t);
  const open = async (number) => {
    const tab = await chromium.peer(`tab ${number}`, { url: server.url });
    await tab.publish("microphone", { audio: true });
    return tab;
  };
  const tabs = [];
  for (let number = 1; number <= PEERS; number += 1) tabs.push(await open(number));
  const began = performance.now();
  await Promise.all(tabs.map((tab) => tab.join("demo")));
  for (let rejoins = 0; ; rejoins += 1) {
    const stalled = await withoutConnection(tabs);
    if (stalled === null) break;
    assert.ok(rejoins < MAX_REJOINS, "a pair is never connected");
    // What a person would do: come in again. But only when the server has done its part.
    await assertRelayed(tabs);
    t.diagnostic(`tab ${stalled + 1} joins again: it stalled`);
    await tabs[stalled].close();
    tabs[stalled] = await open(stalled + 1);
    await tabs[stalled].join("demo");
  }
  t.diagnostic(`${PAIRS} pairs connected after ${Math.round(performance.now() - began)} ms`);
  for (const tab of tabs) {
    // A 4011 would show as a reconnect.
    assert.deepEqual(tab.log.all("state-change").map((it) => it.to), ["joining", "joined"]);
    assert.deepEqual(tab.log.all("error"), []);
  }
});

/** Waits until all are connected with all, and returns null; or which tab lacks most when that takes too long. */
async function withoutConnection(tabs) {
  const lacks = async () => {
    const connected = async (tab) => (await tab.remotes()).filter((it) => it.state === "connected").length;
    return (await Promise.all(tabs.map(connected))).map((count) => PEERS - 1 - count);
  };
  const areAll = (counts) => counts.every((it) => it === 0);
  try {
    await poll("all pairs to be connected", lacks, areAll, CONNECT_MS);
    return null;
  } catch {
    const counts = await lacks();
    return areAll(counts) ? null : counts.indexOf(Math.max(...counts));
  }
}
