import assert from "node:assert/strict";
import { test } from "node:test";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

test("f07 each request with an id is acknowledged once, and none without", async (t) => {
  const server = await startServer(t);
  const ann = await Raw.connect(server.url);
  const bob = await Raw.connect(server.url);
  await bob.subscribe("demo");
  const requests = [
    { type: "unsubscribe", channel: "never-subscribed" },
    { type: "subscribe", channel: "demo" },
    { type: "publish", channel: "demo", data: 1 },
    { type: "send", to: bob.id, data: 1 },
    { type: "unsubscribe", channel: "demo" },
  ];
  for (const request of requests) assert.equal((await ann.request(request)).name, "ack", request.type);
  await ann.settle();
  assert.equal(ann.log.all("ack").length, requests.length);
  for (const request of requests) ann.send(request);
  await ann.settle();
  assert.equal(ann.log.all("ack").length, requests.length);
  assert.deepEqual(ann.log.all("error"), []);
});
