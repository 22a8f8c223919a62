import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "../support/chromium.mjs";
import { startProxy } from "../support/proxy.mjs";
import { Raw } from "../support/raw.mjs";
import { startServer } from "../support/server.mjs";

const IDLE_PINGS = 6;
const DROPPED_MS = 40_000;
const SLACK_MS = 5_000;

test("f18 a tab that is idle for 3 minutes keeps its one connection", async (t) => {
  const server = await startServer(t);
  const chromium = await Chromium.start(t);
  const tab = await chromium.peer("tab", { url: server.url });
  await tab.join("demo");
  const began = performance.now();
  // A silent client is pinged each 30 s: the clock of this test.
  const clock = await Raw.connect(server.url);
  let pings = 0;
  const isLast = ({ name }) => name === "ping" && (pings += 1) === IDLE_PINGS;
  await clock.log.until(isLast, { patienceMs: 300_000 });
  t.diagnostic(`idle for ${Math.round((performance.now() - began) / 1000)} s`);
  assert.equal(await tab.state(), "joined");
  assert.deepEqual(tab.log.all("state-change").map((it) => it.to), ["joining", "joined"]);
});

test("f18 a client whose network died is dropped within 40 s", async (t) => {
  const server = await startServer(t, { env: { PARLOR_LINGER_MS: "0" } });
  const way = await startProxy(t, server);
  const stays = await Raw.connect(server.url);
  const dies = await Raw.connect(way.url);
  await stays.subscribe("demo");
  await dies.subscribe("demo");
  way.freeze();
  const began = performance.now();
  const isLeft = (it) => it.name === "presence" && it.left.some(({ peerId }) => peerId === dies.id);
  await stays.log.until(isLeft, { patienceMs: 120_000 });
  const waited = performance.now() - began;
  t.diagnostic(`told after ${(waited / 1000).toFixed(1)} s`);
  assert.ok(waited <= DROPPED_MS + SLACK_MS, `told after ${waited} ms`);
});
