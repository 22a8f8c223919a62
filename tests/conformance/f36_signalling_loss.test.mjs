import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium, STALL_MS } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { poll } from "./support/log.mjs";
import { startProxy } from "./support/proxy.mjs";

/** Longer than the server hides a break from the others. */
const OUTAGE_PICTURES = 60;
/** Between tabs media is back within this (F22). */
const BACK_MS = 3_000;

test("f36 two engines lose no media while either or both are cut off from the server", async (t) => {
  const server = await startServerWithTokens(t);
  const ways = [await startProxy(t, server), await startProxy(t, server)];
  const ids = ["ann", "bob"];
  const engines = [];
  for (const [index, id] of ids.entries()) {
    const token = () => server.token({ sub: id });
    const engine = await enginePeer(t, id, { url: ways[index].url, addresses: ["127.0.0.1"], token });
    await engine.publish();
    await engine.join("demo");
    engines.push(engine);
  }
  const other = (engine) => ids[1 - engines.indexOf(engine)];
  const each = (then) => Promise.all(engines.map(then));
  await each((engine) => engine.mediaFrom(other(engine)));
  // The first pictures may still repair losses of the start.
  const before = await each((engine) => engine.trackStats(other(engine)));
  const linkEvents = (engine) => engine.log.events.filter((it) => it.name !== "state-change" && it.name !== "token-needed");
  const marks = engines.map((engine) => linkEvents(engine).length);
  await each((engine) => engine.frames(other(engine)));

  for (const cut of [[0], [1], [0, 1]]) {
    const lost = cut.map((index) => engines[index].log.length);
    for (const index of cut) {
      ways[index].refuse();
      ways[index].cut();
    }
    await Promise.all(cut.map((index, at) => engines[index].log.until((it) => it.to === "reconnecting", { after: lost[at] })));
    const pictures = await each(async (engine) => (await engine.frames(other(engine))).video);
    const goesOn = (engine, index) => async () => (await engine.frames(other(engine))).video - pictures[index];
    await each((engine, index) => poll("pictures meanwhile", goesOn(engine, index), (more) => more > OUTAGE_PICTURES));
    for (const index of cut) ways[index].accept();
    await Promise.all(cut.map((index, at) => engines[index].log.until((it) => it.to === "joined", { after: lost[at] })));
  }

  for (const [index, engine] of engines.entries()) {
    assert.deepEqual(linkEvents(engine).slice(marks[index]), [], "nothing was told of the other peer");
    const after = await engine.trackStats(other(engine));
    assert.deepEqual(after.map((it) => it.track), before[index].map((it) => it.track), "the same tracks");
    for (const [at, { kind, packetsLost }] of after.entries()) {
      assert.equal(packetsLost, before[index][at].packetsLost, `${kind} packets were lost`);
    }
    const { longestPauseMs } = await engine.frames(other(engine));
    t.diagnostic(`longest pause between two pictures: ${longestPauseMs} ms`);
  }
});

for (const who of ["tab", "engine"]) {
  for (const resume of who === "tab" ? [true] : [true, false]) {
    const how = resume ? "" : " and cannot resume";
    test(`f36 a tab and the engine have media again within 3 s after the ${who}'s socket breaks${how}`, async (t) => {
      const chromium = await Chromium.start(t);
      const call = async (engineId, tabId) => {
        const server = await startServerWithTokens(t);
        const way = await startProxy(t, server, { resume });
        const url = (it) => (it === who ? way.url : server.url);
        const engine = await enginePeer(t, "engine", { url: url("engine"), token: () => server.token({ sub: engineId }) });
        const tab = await chromium.peer("tab", { url: url("tab"), token: () => server.token({ sub: tabId }) });
        await Promise.all([engine.publish(), tab.publish()]);
        await Promise.all([engine.join(engineId), tab.join(engineId)]);
        const patienceMs = STALL_MS;
        await Promise.all([engine.mediaFrom(tabId, { patienceMs }), tab.mediaFrom(engineId, { patienceMs })]);
        const dropped = who === "tab" ? tab : engine;
        const mark = dropped.log.length;

        const began = performance.now();
        way.cut();
        await dropped.log.until((it) => it.name === "state-change" && it.to === "joined", { after: mark });
        await Promise.all([engine.mediaFrom(tabId), tab.mediaFrom(engineId)]);
        const back = performance.now() - began;

        t.diagnostic(`media after ${Math.round(back)} ms, the engine ${engineId < tabId ? "polite" : "impolite"}`);
        assert.ok(back < BACK_MS, `media after ${Math.round(back)} ms`);
        const reset = dropped.log.events.slice(mark).some((it) => it.name.endsWith("connection-reset"));
        assert.equal(reset, who === "tab" || !resume, "a session that goes on keeps its links");
        await Promise.all([engine.end(), tab.close()]);
      };
      for (const ids of [["a engine", "b tab"], ["b engine", "a tab"]]) await chromium.attempt(t, () => call(...ids));
    });
  }
}
