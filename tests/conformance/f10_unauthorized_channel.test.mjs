import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { Raw } from "./support/raw.mjs";
import { KEY, startServer } from "./support/server.mjs";

const CONFIG = `[[keys]]\nid = "${KEY}"\nchannels = ["allowed/**"]\n`;

test("f10 a channel outside the key's patterns fails the join, which then works for another one", async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const node = nodePeer(t, "node", { url: server.url });
  assert.equal((await node.call("join", "forbidden/1")).error, "channel_not_authorized");
  assert.equal((await node.call("join", "allowed/1")).error, undefined);
  assert.equal(node.log.all("error").length, 0);
  const python = await pythonPeer(t, "python", { url: server.url });
  const { error, code } = await python.call("join", "forbidden/1");
  assert.deepEqual([error, code], ["ServerRequestError", "channel_not_authorized"]);
  await python.join("allowed/1");
  await node.log.until("peer-joined");
});

test("f10 reserved names are refused in any letter case, and the socket stays open", async (t) => {
  const server = await startServer(t);
  const client = await Raw.connect(server.url);
  for (const channel of ["_metered/x", "_internal/", "_SYSTEM/x", "_Metered/room/1"]) {
    const { code } = await client.request({ type: "subscribe", channel });
    assert.equal(code, "channel_reserved", channel);
    assert.equal((await client.request({ type: "publish", channel, data: 1 })).code, "channel_reserved", channel);
  }
  assert.deepEqual(await client.subscribe("demo"), []);
});
