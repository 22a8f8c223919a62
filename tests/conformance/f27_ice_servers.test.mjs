import assert from "node:assert/strict";
import { test } from "node:test";
import { startServerWithTokens } from "./support/keys.mjs";
import { nodePeer } from "./support/node.mjs";
import { Raw } from "./support/raw.mjs";
import { KEY, startServer } from "./support/server.mjs";

// The call over a relay comes with the TURN server.
const SERVERS = `
[[keys]]
id = "${KEY}"
[[ice_servers]]
urls = ["stun:127.0.0.1:9"]
[[ice_servers]]
urls = ["turn:127.0.0.1:9?transport=udp", "turns:localhost:9"]
username = "user"
credential = "test"
`;

test("f27 each welcome brings valid ICE servers, at most 16, and the SDK uses them", async (t) => {
  const server = await startServer(t, { config: SERVERS });
  for (let connect = 1; connect <= 2; connect += 1) {
    const { welcome } = await Raw.connect(server.url);
    const { iceServers } = welcome.metadata;
    assert.equal(iceServers.length, 2);
    for (const { urls } of iceServers) {
      for (const url of [urls].flat()) assert.match(url, /^(stun|stuns|turn|turns):/);
    }
  }
  const used = [];
  const watch = nodePeer(t, "watch", { url: server.url, onConnection: (config) => used.push(config) });
  await watch.call("join", "demo");
  const other = nodePeer(t, "other", { url: server.url });
  await other.call("join", "demo");
  await watch.log.until("peer-joined");
  assert.deepEqual(used[0].iceServers.map((it) => [it.urls].flat()[0]), ["stun:127.0.0.1:9", "turn:127.0.0.1:9?transport=udp"]);
  assert.equal(used[0].iceServers[1].credential, "test");
});

test("f27 ICE servers that clients would refuse stop the server from starting", async (t) => {
  const many = Array.from({ length: 17 }, () => '[[ice_servers]]\nurls = ["stun:127.0.0.1:9"]\n').join("");
  for (const wrong of [many, '[[ice_servers]]\nurls = []\n', '[[ice_servers]]\nurls = ["http://127.0.0.1"]\n']) {
    const config = `[[keys]]\nid = "${KEY}"\n${wrong}`;
    await assert.rejects(startServer(t, { config }), /ice_servers/);
  }
});

test("f27 the ICE servers of a token win over the server's", async (t) => {
  const server = await startServerWithTokens(t, { config: '[[ice_servers]]\nurls = ["stun:127.0.0.1:9"]\n' });
  const own = [{ urls: ["turn:127.0.0.1:8"], username: "own", credential: "test" }];
  const by = async (query) => (await Raw.connect(server.url, query)).welcome.metadata.iceServers;
  assert.deepEqual(await by(`?token=${server.token({ sub: "ann", metadata: { iceServers: own } })}`), own);
  assert.deepEqual(await by(`?token=${server.token({ sub: "bob" })}`), [{ urls: ["stun:127.0.0.1:9"] }]);
  assert.deepEqual(await by(`?key=${server.publishable}`), [{ urls: ["stun:127.0.0.1:9"] }]);
});
