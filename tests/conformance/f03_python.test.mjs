import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { pythonPeer } from "./support/python.mjs";
import { startServer } from "./support/server.mjs";

/** Joins two peers, one after the other, and waits until each has media of the other. */
async function call(t, first, second) {
  const firstId = await first.join("demo");
  const secondId = await second.join("demo");
  const began = performance.now();
  await Promise.all([first.connectedTo(secondId), second.connectedTo(firstId)]);
  const connected = performance.now() - began;
  await Promise.all([first.mediaFrom(secondId), second.mediaFrom(firstId)]);
  const order = firstId < secondId ? "polite" : "impolite";
  t.diagnostic(`connected after ${Math.round(connected)} ms, the first peer ${order}`);
  return order;
}

test("f03 two Python peers see and hear each other", async (t) => {
  const server = await startServer(t);
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map((name) => pythonPeer(t, name, { url: server.url })),
  );
  for (const peer of [ann, bob]) await peer.publish();
  await call(t, ann, bob);
});

// Both orders of the ids: the server draws them, so calls are made until both have come.
test("f03 a tab and a Python peer see and hear each other in both orders of politeness", async (t) => {
  const server = await startServer(t);
  const chromium = await Chromium.start(t);
  const seen = new Set();
  for (let attempt = 1; seen.size < 2 && attempt <= 12; attempt += 1) {
    const tab = await chromium.peer("tab", { url: server.url });
    const python = await pythonPeer(t, "python", { url: server.url });
    await tab.publish();
    await python.publish();
    seen.add(await call(t, tab, python));
    await tab.close();
    await python.end();
  }
  if (seen.size < 2) throw new Error(`the ids always came in one order: ${[...seen]}`);
});
