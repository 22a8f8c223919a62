import assert from "node:assert/strict";
import { test } from "node:test";
import { enginePeer } from "../support/engine.mjs";
import { startServerWithTokens } from "../support/keys.mjs";
import { pythonPeer } from "../support/python.mjs";

const MINUTES = 10;
/** aiortc says `reconnecting` before this when its transport has ended. */
const CHECK_MS = 10_000;

test(`f30 ${MINUTES} minutes of the engine's RTP do not end a Python peer's transport`, async (t) => {
  const server = await startServerWithTokens(t);
  const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: "a engine" }) });
  const python = await pythonPeer(t, "python", { url: server.url, tokens: [server.token({ sub: "b python" })] });
  await Promise.all([engine.publish(), python.publish()]);
  await Promise.all([engine.join("demo"), python.join("demo")]);
  await Promise.all([engine.connectedTo("b python"), python.connectedTo("a engine")]);
  const [mark, pythonMark] = [engine.log.length, python.log.length];
  const end = performance.now() + MINUTES * 60_000;
  while (performance.now() < end) {
    await Promise.all([engine.mediaFrom("b python"), python.mediaFrom("a engine")]);
    await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
  }
  const { video, audio } = await python.frames("a engine");
  t.diagnostic(`Python decoded ${video} pictures and ${audio} frames of sound in ${MINUTES} minutes`);
  for (const [peer, from] of [[engine, mark], [python, pythonMark]]) {
    const changes = peer.log.events.slice(from).filter((it) => /state-change|peer-left/.test(it.name));
    assert.deepEqual(changes, []);
  }
});
