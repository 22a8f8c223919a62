import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { Raw } from "./support/raw.mjs";

test("f15 a kick closes the peer with 4020, and the tab says so and stays away", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  const tab = await chromium.peer("tab", { url: server.url, token: () => server.token({ sub: "ann" }) });
  const raw = await Raw.connect(server.url, `?token=${server.token({ sub: "bob" })}`);
  await raw.subscribe("demo");
  await tab.join("demo");
  assert.deepEqual(await server.rest("DELETE", "/peers/ann"), { status: 200, peerId: "ann", closed: 1 });
  assert.equal((await tab.log.until("error")).error, "admin_disconnect");
  await tab.log.until("left");
  assert.equal(await tab.state(), "closed");
  await raw.log.until((it) => it.name === "presence" && it.left.some(({ peerId }) => peerId === "ann"));
  assert.equal((await server.rest("DELETE", "/peers/bob")).closed, 1);
  assert.equal((await raw.closed()).code, 4020);
  assert.deepEqual(await server.rest("DELETE", "/peers/nobody"), { status: 200, peerId: "nobody", closed: 0 });
});
