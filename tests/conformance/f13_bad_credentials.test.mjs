import assert from "node:assert/strict";
import { test } from "node:test";
import { startServerWithTokens } from "./support/keys.mjs";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { Raw } from "./support/raw.mjs";
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

test("f13 a token with a bad signature or of an unknown key is 4001 in both SDKs, one that is no token 401", async (t) => {
  const server = await startServerWithTokens(t);
  const claims = { sub: "ann" };
  const wrong = { secret: `sk_secret_${"5a".repeat(32)}` };
  for (const token of [server.token(claims, wrong), server.token(claims, { id: "sk_id_unknown" })]) {
    const node = nodePeer(t, "node", { url: server.url, tokenProvider: async () => token });
    const { error, code } = await node.call("join", "demo");
    assert.deepEqual([error, code], ["SignallingConnectError", 4001]);
    const python = await pythonPeer(t, "python", { url: server.url, tokens: [token] });
    const refused = await python.call("join", "demo");
    assert.deepEqual([refused.error, refused.code], ["SignallingConnectError", 4001]);
  }
  for (const token of ["hush", server.token(claims, { id: undefined })]) {
    const python = await pythonPeer(t, "python", { url: server.url, tokens: [token] });
    const refused = await python.call("join", "demo");
    assert.deepEqual([refused.error, refused.code], ["SignallingConnectError", 401]);
    await assert.rejects(Raw.open(server.url, `?token=${token}`), (error) => {
      return error.status === 401 && JSON.parse(error.body).error === "invalid_token";
    });
  }
});
