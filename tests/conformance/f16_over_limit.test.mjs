import assert from "node:assert/strict";
import { test } from "node:test";
import { signallingClient } from "./support/node.mjs";
import { startProxy } from "./support/proxy.mjs";
import { Raw } from "./support/raw.mjs";
import { KEY, startServer } from "./support/server.mjs";

/** 30 s, of which the SDK's jitter may take a fifth. */
const EARLIEST_MS = 24_000;

test("f16 after 4010 the SDK waits for 24 s or more, and then comes back", async (t) => {
  const server = await startServer(t, { config: `max_connections = 1\n[[keys]]\nid = "${KEY}"\n` });
  const way = await startProxy(t, server);
  const { client, log } = signallingClient(t, "the SDK", { url: way.url });
  await client.connect();
  // Its place is taken while it is away.
  way.refuse();
  way.cut();
  await log.until("disconnected");
  const other = await reach(() => Raw.connect(server.url));
  const before = log.length;
  way.accept();
  const refused = await log.until((it) => it.name === "disconnected" && it.code === 4010, { after: before });
  assert.equal(refused.willReconnect, true);
  await other.close();
  const back = await log.until("connected", { after: before });
  const waited = back.at - refused.at;
  t.diagnostic(`back after ${(waited / 1000).toFixed(1)} s`);
  assert.ok(waited >= EARLIEST_MS, `back after ${waited} ms`);
});

/** Tries until the server has noticed that the place is free. */
async function reach(connect) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect();
    } catch (error) {
      if (attempt === 100) throw error;
    }
  }
}
