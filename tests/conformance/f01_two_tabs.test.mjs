import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { startServer } from "./support/server.mjs";

test("f01 two tabs that publish before they join see and hear each other", async (t) => {
  const server = await startServer(t);
  const chromium = await Chromium.start(t);
  await chromium.attempt(t, async (attempt) => {
    const ann = await chromium.peer("ann", { url: server.url });
    const bob = await chromium.peer("bob", { url: server.url });
    await ann.publish();
    await bob.publish();
    const annId = await ann.join(`demo/${attempt}`);
    const bobId = await bob.join(`demo/${attempt}`);
    const began = performance.now();
    for (const [tab, other] of [[ann, bobId], [bob, annId]]) {
      await tab.log.until("joined");
      await tab.log.until((it) => it.name === "peer-joined" && it.peer === other);
      await tab.log.until((it) => it.name === "remote stream-added" && it.peer === other);
      await tab.connectedTo(other);
      await tab.mediaFrom(other);
      assert.deepEqual(tab.log.all("uncaught"), []);
    }
    t.diagnostic(`media both ways ${Math.round(performance.now() - began)} ms after the second join`);
  });
});
