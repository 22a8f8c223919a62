// Runs in a network namespace of its own (F35): calls in which UDP is blocked for a while.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { Chromium } from "../support/chromium.mjs";
import { enginePeer } from "../support/engine.mjs";
import { startServerWithTokens } from "../support/keys.mjs";
import { pythonPeer } from "../support/python.mjs";

const ORDERS = { polite: ["a engine", "b other"], impolite: ["b engine", "a other"] };
/** The engine knows of a loss within a second; a loaded machine may take longer. */
const NOTICED_MS = 3_000;
/** Restarts are offered every few seconds, and the Python SDK answers none within 2 s after another. */
const BACK_MS = 10_000;

const ip = (...words) => execFileSync("ip", words);
const block = () => ip("rule", "add", "pref", "5", "ipproto", "udp", "blackhole");
const release = () => ip("rule", "del", "pref", "5");

// An interface besides loopback, which browsers do not use; and local addresses looked up after the rule above.
ip("link", "set", "lo", "up");
ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
ip("address", "add", "10.71.0.1/24", "dev", "veth0");
for (const link of ["veth0", "veth1"]) ip("link", "set", link, "up");
ip("rule", "add", "pref", "10", "lookup", "local");
ip("rule", "del", "pref", "0");

const OTHERS = {
  async tab(t, server, token) {
    const chromium = await Chromium.start(t);
    return chromium.peer("other", { url: server.url, token });
  },
  python: (t, server, token) => pythonPeer(t, "other", { url: server.url, tokens: [token()] }),
};

const start = OTHERS[process.argv[2]];
for (const [order, [engineId, otherId]] of Object.entries(ORDERS)) {
  test(`the engine is ${order}`, async (t) => {
    const server = await startServerWithTokens(t);
    const engine = await enginePeer(t, "engine", {
      url: server.url,
      addresses: ["10.71.0.1"],
      token: () => server.token({ sub: engineId }),
    });
    const other = await start(t, server, () => server.token({ sub: otherId }));
    await Promise.all([engine.publish(), other.publish()]);
    await Promise.all([engine.join("demo"), other.join("demo")]);
    await Promise.all([engine.mediaFrom(otherId), other.mediaFrom(engineId)]);
    const [mark, otherMark] = [engine.log.length, other.log.length];

    const began = performance.now();
    block();
    const lost = (it) => it.name.endsWith("state-change") && it.peer && it.to === "reconnecting";
    await engine.log.until(lost, { after: mark });
    const noticed = performance.now() - began;
    assert.ok(noticed < NOTICED_MS, `noticed after ${Math.round(noticed)} ms`);
    // A browser says so after some 5 s, aiortc would after 30 s.
    if (process.argv[2] === "tab") await other.log.until(lost, { after: otherMark });
    const blocked = performance.now() - began;
    release();
    const released = performance.now();
    await engine.connectedTo(otherId, mark);
    await Promise.all([engine.mediaFrom(otherId), other.mediaFrom(engineId)]);
    const back = performance.now() - released;

    t.diagnostic(`blocked for ${Math.round(blocked)} ms, noticed after ${Math.round(noticed)} ms, media ${Math.round(back)} ms after the release`);
    assert.ok(back < BACK_MS, `media ${Math.round(back)} ms after the release`);
    // The same peer, and nothing that is called final. A Python peer restarts ICE with a connection that it builds anew,
    // unless the path is back before the restart reaches it.
    const names = engine.log.events.slice(mark).map((it) => it.name);
    for (const name of ["peer-left", "negotiation-error"]) assert.ok(!names.includes(name), name);
    if (process.argv[2] === "tab") assert.ok(!names.includes("connection-reset"), "connection-reset");
  });
}
