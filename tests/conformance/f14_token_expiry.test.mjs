import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { now, startServerWithTokens } from "./support/keys.mjs";
import { Raw } from "./support/raw.mjs";

const LIFETIME = 5;

test("f14 a token's end is a close with 4002 just before, and a tab comes back with a new one as the same peer", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  let asked = 0;
  const token = () => {
    asked += 1;
    return server.token({ sub: "ann", exp: now() + (asked === 1 ? LIFETIME : 600) });
  };
  const tab = await chromium.peer("tab", { url: server.url, token });
  const other = await Raw.connect(server.url, `?token=${server.token({ sub: "bob", exp: now() + LIFETIME })}`);
  const { expiresAt } = other.welcome;
  await tab.join("demo");
  const mark = tab.log.length;
  const closed = await other.closed();
  const early = expiresAt * 1000 - Date.now();
  assert.equal(closed.code, 4002);
  t.diagnostic(`closed ${early} ms before the end`);
  assert.ok(early > -1_000 && early < 1_000, `closed ${early} ms before the end`);
  await tab.log.until((it) => it.name === "state-change" && it.to === "reconnecting", { after: mark });
  await tab.log.until((it) => it.name === "state-change" && it.to === "joined", { after: mark });
  assert.equal(await tab.id(), "ann");
  assert.equal(asked, 2);
  assert.deepEqual(tab.log.all("error"), []);
});
