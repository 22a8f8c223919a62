import assert from "node:assert/strict";
import { test } from "node:test";
import { now, startServerWithTokens } from "./support/keys.mjs";
import { Raw } from "./support/raw.mjs";
import { KEY, startServer } from "./support/server.mjs";

test("f04 the welcome is the first frame and has all five fields", async (t) => {
  const config = `[[keys]]\nid = "${KEY}"\n[[ice_servers]]\nurls = ["stun:127.0.0.1:9"]\n`;
  const server = await startServer(t, { config });
  const began = performance.now();
  const client = await Raw.connect(server.url);
  assert.ok(performance.now() - began < 10_000);
  const { text } = client.log.events[0];
  const { type, peerId, expiresAt, serverTime, maxMessageSize, metadata } = JSON.parse(text);
  assert.equal(type, "welcome");
  assert.match(peerId, /^[\x20-\x7e]{1,128}$/);
  assert.equal(expiresAt, null, `a key does not expire, and the field must be there: ${text}`);
  assert.ok(Math.abs(serverTime - Date.now() / 1000) < 60, "unix seconds");
  assert.equal(maxMessageSize, 65_536);
  assert.deepEqual(metadata.iceServers, [{ urls: ["stun:127.0.0.1:9"] }]);
});

test("f04 the welcome of a token names its peer, its end and its own metadata", async (t) => {
  const server = await startServerWithTokens(t);
  const exp = now() + 600;
  const metadata = { plan: "test", iceServers: [{ urls: "stun:127.0.0.1:9" }] };
  const token = server.token({ sub: "user 7", exp, metadata });
  const { welcome } = await Raw.connect(server.url, `?token=${token}`);
  assert.equal(welcome.peerId, "user 7");
  assert.equal(welcome.expiresAt, exp);
  assert.deepEqual(welcome.metadata, metadata);
});
