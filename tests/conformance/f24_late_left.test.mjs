import assert from "node:assert/strict";
import { test } from "node:test";
import { startServerWithTokens } from "./support/keys.mjs";
import { startProxy } from "./support/proxy.mjs";
import { Raw } from "./support/raw.mjs";

test("f24 the end of a socket that was replaced is never told", async (t) => {
  const server = await startServerWithTokens(t, { env: { PARLOR_LINGER_MS: "100" } });
  const way = await startProxy(t, server);
  const ann = () => `?token=${server.token({ sub: "ann" })}`;
  const watcher = await Raw.connect(server.url, `?token=${server.token({ sub: "watcher" })}`);
  await watcher.subscribe("demo");
  const old = await Raw.connect(way.url, ann());
  await old.subscribe("demo");
  // It hangs, and its client comes back another way.
  way.freeze();
  const mark = watcher.log.length;
  const successor = await Raw.connect(server.url, ann());
  await successor.subscribe("demo");
  const isBack = (it) => it.name === "presence" && it.joined.some(({ peerId }) => peerId === "ann");
  await watcher.log.until(isBack, { after: mark });
  const then = watcher.log.length;
  way.cut();
  // A broken socket that were told would be told within the grace; this one's end is, and comes later.
  const other = await Raw.connect(server.url, `?token=${server.token({ sub: "other" })}`);
  await other.subscribe("demo");
  other.terminate();
  await watcher.log.until((it) => it.name === "presence" && it.left.some(({ peerId }) => peerId === "other"), { after: then });
  const left = watcher.log.events.slice(then).flatMap((it) => it.left ?? []);
  assert.deepEqual(left.map((it) => it.peerId), ["other"]);
  await successor.settle();
});

test("f24 a second tab of one user closes the first with 4020 and the reason superseded", async (t) => {
  const server = await startServerWithTokens(t);
  const token = () => `?token=${server.token({ sub: "ann" })}`;
  const first = await Raw.connect(server.url, token());
  const second = await Raw.connect(server.url, token());
  const { code, reason } = await first.closed();
  assert.deepEqual([code, reason], [4020, "superseded"]);
  await second.settle();
});
