import assert from "node:assert/strict";
import { test } from "node:test";
import { startServerWithTokens } from "./support/keys.mjs";
import { nodePeer } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { Raw } from "./support/raw.mjs";

test("f29 tokens made by REST work in both SDKs, and the peers are listed", async (t) => {
  const server = await startServerWithTokens(t);
  const mint = (peerId) => server.rest("POST", "/tokens", { peerId, expiresInSec: 60, peerMetadata: { name: peerId } });
  const { status, token, expiresAt } = await mint("ann");
  assert.equal(status, 200);
  assert.ok(expiresAt > Date.now() / 1000);
  const node = nodePeer(t, "node", { url: server.url, tokenProvider: async () => token });
  assert.equal((await node.call("join", "room/1")).error, undefined);
  assert.equal(node.peerId(), "ann");
  const python = await pythonPeer(t, "python", { url: server.url, tokens: [(await mint("bob")).token] });
  assert.equal(await python.join("room/1"), "bob");
  assert.deepEqual((await node.log.until("peer-joined")).metadata, { name: "bob" });
  const { channel, peers } = await server.rest("GET", `/channels/${encodeURIComponent("room/1")}/peers`);
  assert.equal(channel, "room/1");
  const byId = peers.sort((a, b) => a.peerId.localeCompare(b.peerId));
  assert.deepEqual(byId, [{ peerId: "ann", metadata: { name: "ann" } }, { peerId: "bob", metadata: { name: "bob" } }]);
});

test("f29 what REST publishes reaches the channel, and usage is told", async (t) => {
  const server = await startServerWithTokens(t);
  const client = await Raw.connect(server.url, `?key=${server.publishable}`);
  await client.subscribe("room/1");
  const published = await server.rest("POST", `/channels/${encodeURIComponent("room/1")}/publish`, { data: { a: 1 }, from: "backend" });
  assert.equal(published.status, 200);
  const { from, data, channel } = await client.log.until("message");
  assert.deepEqual([from, data, channel], ["backend", { a: 1 }, "room/1"]);
  const usage = await server.rest("GET", "/usage");
  assert.deepEqual([usage.status, usage.concurrentNow], [200, 1]);
  for (const field of ["appId", "periodStartUnix", "peakConcurrent", "messagesUsed", "plan"]) {
    assert.ok(field in usage, field);
  }
});

test("f29 scopes, sizes and credentials are checked", async (t) => {
  const server = await startServerWithTokens(t, { channels: ["room/*"], actions: ["subscribe", "presence", "send"] });
  const room = `/channels/${encodeURIComponent("room/1")}`;
  const refusals = [
    [401, "unauthorized", await server.rest("GET", `${room}/peers`, undefined, `Bearer ${server.publishable}`)],
    [401, "unauthorized", await server.rest("GET", `${room}/peers`, undefined, null)],
    [401, "unauthorized", await server.rest("GET", "/usage", undefined, `${`Bearer ${server.bearer}`}x`)],
    [403, "action_not_permitted", await server.rest("POST", `${room}/publish`, { data: 1 })],
    [403, "channel_not_authorized", await server.rest("GET", "/channels/other/peers")],
    [400, "channel_reserved", await server.rest("GET", `/channels/${encodeURIComponent("_system/x")}/peers`)],
    [403, "channel_not_authorized", await server.rest("POST", "/tokens", { peerId: "a", channels: ["**"] })],
    [400, "invalid_request", await server.rest("POST", "/tokens", {})],
    [400, "invalid_request", await server.rest("POST", "/tokens", "{")],
    [413, "invalid_request", await server.rest("POST", "/tokens", { peerId: "a", metadata: { a: "x".repeat(33_000) } })],
    [404, "not_found", await server.rest("GET", "/nothing")],
  ];
  for (const [index, [status, error, answer]] of refusals.entries()) {
    assert.deepEqual([answer.status, answer.error], [status, error], `request ${index}: ${JSON.stringify(answer)}`);
    assert.equal(typeof answer.message, "string");
  }
});

test("f29 a page without a backend gets a token for a peer of its own", async (t) => {
  const server = await startServerWithTokens(t);
  const body = { peerMetadata: { name: "Ann" } };
  const made = await server.rest("POST", "/tokens/anonymous", body, `Bearer ${server.publishable}`);
  assert.equal(made.status, 200);
  const { id } = await Raw.connect(server.url, `?token=${made.token}`);
  assert.equal(id, made.peerId);
  const again = { previousToken: made.token };
  assert.equal((await server.rest("POST", "/tokens/anonymous", again, `Bearer ${server.publishable}`)).peerId, id);
});
