import assert from "node:assert/strict";
import { test } from "node:test";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

test("f05 presence frames have both arrays, and never one id in both", async (t) => {
  const server = await startServer(t);
  const watcher = await Raw.connect(server.url);
  await watcher.subscribe("demo");
  const clients = await Promise.all(Array.from({ length: 20 }, () => Raw.connect(server.url)));
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(clients.map((it) => it.subscribe("demo")));
    await Promise.all(clients.map((it) => it.request({ type: "unsubscribe", channel: "demo" })));
  }
  await watcher.settle();
  const present = new Set();
  for (const { joined, left, text } of watcher.presence("demo")) {
    assert.ok(Array.isArray(joined) && Array.isArray(left), text);
    const ids = new Set(joined.map((it) => it.peerId));
    assert.ok(left.every((it) => !ids.has(it.peerId)), text);
    // Joins and leaves of each id alternate.
    for (const { peerId } of joined) {
      assert.ok(!present.has(peerId), `joined twice: ${text}`);
      present.add(peerId);
    }
    for (const { peerId } of left) assert.ok(present.delete(peerId), `left before it joined: ${text}`);
  }
  present.delete(watcher.id);
  assert.equal(present.size, 0);
  assert.ok(watcher.presence("demo").length >= 200, "every join and leave was told");
});

