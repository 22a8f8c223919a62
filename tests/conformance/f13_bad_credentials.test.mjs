import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { startServer } from "./support/server.mjs";

test("f13 an unknown key fails the connect with 4001 in both SDKs, and they do not try again", async (t) => {
  const server = await startServer(t);
  const node = nodePeer(t, "node", { url: server.url, apiKey: "pk_nobody" });
  const { error, code } = await node.call("join", "demo");
  assert.deepEqual([error, code], ["SignallingConnectError", 4001]);
  assert.equal(node.state(), "idle");
  const python = await pythonPeer(t, "python", { url: server.url, api_key: "pk_nobody" });
  const refused = await python.call("join", "demo");
  assert.deepEqual([refused.error, refused.code], ["SignallingConnectError", 4001]);
});
