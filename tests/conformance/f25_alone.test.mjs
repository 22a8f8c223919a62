import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { startProxy } from "./support/proxy.mjs";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

test("f25 a peer that is alone is back at the welcome after its socket broke", async (t) => {
  const server = await startServer(t);
  const way = await startProxy(t, server);
  const alone = nodePeer(t, "alone", { url: way.url });
  await alone.call("join", "demo");
  const mark = alone.log.length;
  way.cut();
  await alone.log.until((it) => it.name === "state-change" && it.to === "reconnecting", { after: mark });
  await alone.log.until((it) => it.name === "state-change" && it.to === "joined", { after: mark });
  // It is heard again, too.
  const other = nodePeer(t, "other", { url: server.url });
  await other.call("join", "demo");
  await alone.log.until((it) => it.name === "peer-joined" && it.peer === other.peerId(), { after: mark });
});

test("f25 a second subscribe of one socket gets a fresh snapshot and is not told to others", async (t) => {
  const server = await startServer(t);
  const [ann, bob] = [await Raw.connect(server.url), await Raw.connect(server.url)];
  await ann.subscribe("demo");
  await bob.subscribe("demo");
  await ann.settle();
  const mark = ann.log.length;
  assert.ok((await bob.subscribe("demo", { includeSenderMetadata: true })).includes(ann.id));
  await ann.settle();
  assert.deepEqual(ann.log.events.slice(mark).map((it) => it.name), ["pong"]);
  // And it is still one membership.
  await bob.close();
  await ann.log.until((it) => it.name === "presence" && it.left.length > 0, { after: mark });
  await ann.settle();
  assert.equal(ann.presence("demo").filter((it) => it.left.length > 0).length, 1);
});
