import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { startServer } from "./support/server.mjs";

test("f09 sending to an absent id is peer_not_found in both SDKs", async (t) => {
  const server = await startServer(t);
  const node = nodePeer(t, "node", { url: server.url });
  await node.call("join", "demo");
  assert.equal((await node.call("sendTo", "nobody", 1)).error, "peer_not_found");
  const python = await pythonPeer(t, "python", { url: server.url });
  await python.join("demo");
  const { error, code } = await python.call("send_to", "nobody", 1);
  assert.deepEqual([error, code], ["ServerRequestError", "peer_not_found"]);
});
