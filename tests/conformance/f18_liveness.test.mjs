import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { startProxy } from "./support/proxy.mjs";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

// The timers of both ends at a twentieth, but for the time that a client has to answer: one that shares its cores with
// browsers needs more than half a second. `soak/f18_…` runs all at full length.
const WATCHDOG_MS = 3_000;
const ENV = { PARLOR_PING_AFTER_MS: "1500", PARLOR_PING_GRACE_MS: "2000", PARLOR_LINGER_MS: "0" };

test("f18 ping is answered with pong", async (t) => {
  const server = await startServer(t);
  const client = await Raw.connect(server.url);
  await client.settle();
});

test("f18 an idle tab keeps its one connection", async (t) => {
  const server = await startServer(t, { env: ENV });
  const chromium = await Chromium.start(t);
  const tab = await chromium.peer("tab", { url: server.url, inactivityTimeoutMs: WATCHDOG_MS });
  await tab.join("demo");
  // The peer beside it is as idle; the server's pings to it are the clock.
  const clock = await Raw.connect(server.url);
  let pings = 0;
  await clock.log.until(({ name }) => name === "ping" && (pings += 1) === 6);
  assert.equal(await tab.state(), "joined");
  assert.deepEqual(tab.log.all("state-change").map((it) => it.to), ["joining", "joined"]);
});

test("f18 a client whose network died is dropped, and the others are told", async (t) => {
  const server = await startServer(t, { env: ENV });
  const way = await startProxy(t, server);
  const stays = await Raw.connect(server.url);
  const dies = await Raw.connect(way.url);
  await stays.subscribe("demo");
  await dies.subscribe("demo");
  way.freeze();
  const began = performance.now();
  await stays.log.until((it) => it.name === "presence" && it.left.some(({ peerId }) => peerId === dies.id));
  t.diagnostic(`told after ${Math.round(performance.now() - began)} ms`);
});
