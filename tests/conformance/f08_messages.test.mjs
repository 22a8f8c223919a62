import assert from "node:assert/strict";
import { test } from "node:test";
import { startServerWithTokens } from "./support/keys.mjs";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

test("f08 a broadcast reaches the others and not its sender, in both SDKs", async (t) => {
  const server = await startServer(t);
  const ann = nodePeer(t, "ann", { url: server.url });
  const bob = await pythonPeer(t, "bob", { url: server.url });
  await ann.call("join", "demo");
  const bobId = await bob.join("demo");
  await ann.log.until("peer-joined");
  await bob.log.until("peer-joined");
  await ann.call("send", { chat: "from ann" });
  await bob.expect("send", { chat: "from bob" });
  const heard = await ann.log.until("data");
  assert.deepEqual([heard.peer, heard.kind, heard.data], [bobId, "broadcast", { chat: "from bob" }]);
  const other = await bob.log.until("data");
  assert.deepEqual([other.peer, other.kind, other.data], [ann.peerId(), "broadcast", { chat: "from ann" }]);
});

test("f08 a publisher gets no echo on the wire, subscribed or not", async (t) => {
  const server = await startServer(t);
  const [ann, bob] = [await Raw.connect(server.url), await Raw.connect(server.url)];
  await ann.subscribe("demo");
  await bob.subscribe("demo");
  assert.equal((await ann.request({ type: "publish", channel: "demo", data: null })).name, "ack");
  const { channel, from, data } = await bob.log.until("message");
  assert.deepEqual([channel, from, data], ["demo", ann.id, null]);
  await ann.settle();
  assert.deepEqual(ann.log.all("message"), []);
});

test("f08 a token's public metadata goes with directs always, and with broadcasts to those who ask", async (t) => {
  const server = await startServerWithTokens(t);
  const connect = (sub) => Raw.connect(server.url, `?token=${server.token({ sub, peerMetadata: { name: sub } })}`);
  const [ann, asks, not] = [await connect("ann"), await connect("asks"), await connect("not")];
  await ann.subscribe("demo");
  await asks.subscribe("demo", { includeSenderMetadata: true });
  await not.subscribe("demo");
  assert.deepEqual(not.presence("demo")[0].joined.find((it) => it.peerId === "ann").metadata, { name: "ann" });
  await ann.request({ type: "publish", channel: "demo", data: 1 });
  assert.deepEqual((await asks.log.until("message")).fromMetadata, { name: "ann" });
  assert.ok(!("fromMetadata" in (await not.log.until("message"))));
  for (const to of [asks, not]) {
    await ann.request({ type: "send", to: to.id, data: 1 });
    assert.deepEqual((await to.log.until("direct")).fromMetadata, { name: "ann" });
  }
});
