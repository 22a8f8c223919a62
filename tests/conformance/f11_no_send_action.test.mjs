import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { KEY, startServer } from "./support/server.mjs";

const CONFIG = `[[keys]]\nid = "${KEY}"\nactions = ["subscribe", "publish", "presence"]\n`;

test("f11 without the send action a peer joins, and its sends are refused", async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const node = nodePeer(t, "node", { url: server.url });
  assert.equal((await node.call("join", "demo")).error, undefined);
  const python = await pythonPeer(t, "python", { url: server.url });
  const pythonId = await python.join("demo");
  await node.log.until("peer-joined");
  assert.equal((await node.call("sendTo", pythonId, 1)).error, "action_not_permitted");
  assert.equal((await python.call("send_to", node.peerId(), 1)).code, "action_not_permitted");
  assert.equal((await node.call("send", 1)).error, undefined);
  await python.log.until("data");
});
