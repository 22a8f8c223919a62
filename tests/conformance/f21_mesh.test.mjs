import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { startServer } from "./support/server.mjs";

const PEERS = 8;
const PAIRS = (PEERS * (PEERS - 1)) / 2;

test(`f21 ${PEERS} tabs that join at once are all connected with each other`, async (t) => {
  const server = await startServer(t);
  const chromium = await Chromium.start(t);
  await chromium.attempt(t, async (attempt) => {
    const tabs = [];
    for (let number = 1; number <= PEERS; number += 1) {
      const tab = await chromium.peer(`tab ${number}`, { url: server.url });
      await tab.publish("microphone", { audio: true });
      tabs.push(tab);
    }
    const began = performance.now();
    const ids = await Promise.all(tabs.map((tab) => tab.join(`demo/${attempt}`)));
    for (const [index, tab] of tabs.entries()) {
      for (const id of ids.filter((it) => it !== ids[index])) await tab.connectedTo(id);
    }
    t.diagnostic(`${PAIRS} pairs connected after ${Math.round(performance.now() - began)} ms`);
    for (const tab of tabs) {
      // A 4011 would show as a reconnect.
      assert.deepEqual(tab.log.all("state-change").map((it) => it.to), ["joining", "joined"]);
      assert.deepEqual(tab.log.all("error"), []);
    }
  });
});
