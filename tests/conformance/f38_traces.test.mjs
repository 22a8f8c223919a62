import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, SMALL } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { poll } from "./support/log.mjs";
import { startProxy } from "./support/proxy.mjs";

// The same story twice: a tab watches another tab, then the engine watches a tab. What the JavaScript SDK tells in the
// first is what the engine has to tell in the second, as far as the SDK has such events.

const [WATCHER, OTHER] = ["b watcher", "a other"];

/** How long media may take, before a call between tabs that stalled is made again. */
const MEDIA_MS = 15_000;

/** What the JavaScript SDK calls the engine's events. */
const NAMES = {
  joined: "joined",
  left: "left",
  "state-change": "state-change",
  "peer-joined": "peer-joined",
  "peer-left": "peer-left",
  data: "data",
  "peer-state-change": "remote state-change",
  "stream-added": "remote stream-added",
  "stream-removed": "remote stream-removed",
  "connection-reset": "remote connection-reset",
};

const WATCHERS = {
  "the JavaScript SDK": (t, chromium, url, server) =>
    chromium.peer("watcher", { url, token: () => server.token({ sub: WATCHER }) }),
  "the engine": (t, chromium, url, server) =>
    enginePeer(t, "watcher", { url, token: () => server.token({ sub: WATCHER }) }),
};

/**
 * The lines of a step: about the session, about the connection to the other peer, and about that peer otherwise, in the
 * order of each. (The SDK tells of a stream now before and now after the connection's first change.) Three things differ on purpose:
 * the engine takes each stream back that it announced, also when the connection ends or is replaced; it does not replace a
 * connection that was never used; and its session can join again after leaving, so its end is `idle`.
 */
function trace(events) {
  const names = events.map((it) => (Object.values(NAMES).includes(it.name) ? it.name : NAMES[it.name]));
  const ends = Math.max(names.indexOf("peer-left"), names.indexOf("remote connection-reset"));
  const isUsed = names.includes("remote state-change");
  const differs = (name, index) =>
    !name ||
    (name === "remote stream-removed" && index < ends) ||
    (name === "remote connection-reset" && !isUsed);
  const lines = { session: [], connection: [], peer: [] };
  for (const [index, { from, to, kind, data }] of events.entries()) {
    const name = names[index];
    if (differs(name, index)) continue;
    const state = from === "leaving" && to === "idle" ? "closed" : to;
    const words = [name, from, state, name === "data" ? kind : undefined, data].filter((it) => it !== undefined);
    const about = /^(remote|peer-|data)/.test(name) ? "peer" : "session";
    lines[name === "remote state-change" ? "connection" : about].push(words.join(" "));
  }
  return lines;
}

/** Plays the story in which the watcher `watch` sees the other tab, and returns the trace of each step. */
async function play(t, chromium, start, { publishes }) {
  const server = await startServerWithTokens(t);
  const way = await startProxy(t, server, { resume: false });
  const watcher = await start(t, chromium, way.url, server);
  const other = await chromium.peer("other", { url: server.url, token: () => server.token({ sub: OTHER }) });
  if (publishes) await Promise.all([watcher.publish(), other.publish()]);
  const steps = {};
  let mark = 0;
  /** Ends a step when `last` has been told and nothing is under way. */
  const step = async (name, last) => {
    await watcher.log.until(last, { after: mark });
    if (publishes && !/leaves|closes/.test(name)) {
      const patienceMs = MEDIA_MS;
      await Promise.all([watcher.mediaFrom(OTHER, { patienceMs }), other.mediaFrom(WATCHER, { patienceMs })]);
      const isConnected = (them) => them.length === 1 && them[0].state === "connected";
      await poll("the connection", () => watcher.remotes(), isConnected);
    }
    steps[name] = trace(watcher.log.events.slice(mark));
    mark = watcher.log.length;
  };
  const named = (name) => (it) => it.name === name;

  await other.join("demo");
  await watcher.join("demo");
  await step("joins", named("peer-joined"));
  await other.call("sendTo", WATCHER, "hello");
  await step("is told something", named("data"));
  if (publishes) {
    await other.publish("screen", { video: SMALL.video }, { role: "screen" });
    await step("is shown a screen", named(watcher.leave ? "stream-added" : "remote stream-added"));
    await other.unpublish("screen");
    await step("is shown it no more", named(watcher.leave ? "stream-removed" : "remote stream-removed"));
  }
  way.cut();
  await step("loses its socket", (it) => it.name === "state-change" && it.to === "joined");
  await other.close();
  await step("is alone when the other leaves", named("peer-left"));
  await (watcher.leave ? watcher.leave() : watcher.call("close"));
  await step("closes", named("left"));
  if (watcher.leave) await watcher.end();
  else await watcher.page.close();
  return steps;
}

for (const publishes of [true, false]) {
  const what = publishes ? "in a call" : "of peers without media, who stay idle,";
  test(`f38 the engine tells ${what} what the JavaScript SDK tells`, async (t) => {
    const chromium = await Chromium.start(t);
    const traces = {};
    for (const [name, start] of Object.entries(WATCHERS)) {
      traces[name] = await chromium.attempt(t, () => play(t, chromium, start, { publishes }));
    }
    const [golden, own] = Object.values(traces);
    assert.ok(golden.joins.session.includes("state-change joining joined"));
    assert.deepEqual(own, golden);
  });
}
