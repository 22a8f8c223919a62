import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

const LARGEST = 65_536;
/** A string whose JSON text, quotes included, has so many bytes. */
const sized = (bytes) => "x".repeat(bytes - 2);

test("f19 the largest data passes, and one byte more is refused by the SDK itself", async (t) => {
  const server = await startServer(t);
  const [ann, bob] = ["ann", "bob"].map((name) => nodePeer(t, name, { url: server.url }));
  await ann.call("join", "demo");
  await bob.call("join", "demo");
  await ann.log.until("peer-joined");
  await bob.log.until("peer-joined");
  assert.equal((await ann.call("send", sized(LARGEST))).error, undefined);
  assert.equal((await bob.log.until("data")).data.length, LARGEST - 2);
  assert.equal((await ann.call("sendTo", bob.peerId(), sized(LARGEST))).error, undefined);
  await bob.log.until((it) => it.name === "data" && it.kind === "direct");
  assert.equal((await ann.call("send", sized(LARGEST + 1))).error, "MeteredPeerOversizedError");
  assert.equal(ann.state(), "joined");
});

test("f19 no envelope makes the largest data too large, and a frame beyond that is closed with 1009", async (t) => {
  const server = await startServer(t);
  const client = await Raw.connect(server.url);
  const [channel, requestId] = ["é".repeat(128), "r".repeat(128)];
  await client.subscribe(channel);
  const data = sized(LARGEST);
  assert.equal((await client.request({ type: "publish", channel, data, requestId })).name, "ack");
  const escaped = `{"type":"publish","channel":"${"\\u00e9".repeat(128)}","requestId":"e","data":${JSON.stringify(data)}}`;
  client.send(escaped);
  await client.log.until((it) => it.name === "ack" && it.requestId === "e");
  const over = await client.request({ type: "publish", channel, data: sized(LARGEST + 1) });
  assert.equal(over.name, "error", "a raw client that is one byte over is told so");
  client.send(JSON.stringify({ type: "publish", channel, data: sized(2 * LARGEST) }));
  assert.equal((await client.closed()).code, 1009);
});
