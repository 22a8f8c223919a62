import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer } from "./support/node.mjs";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

const FRAMES = 2_000;
/** Fewer than the rate limit's burst, which is another check. */
const PER_SOCKET = 50;
const PIECES = [
  ...['{"type":', '"subscribe"', '"publish"', '"send"', '"ping"', '"welcome"', ',"channel":', '"demo"', '"_system/x"'],
  ...[',"requestId":', '"r"', ',"to":', ',"data":', "null", "[", "]", "{", "}", "1e999", "-0", "true", '"', "\\", "\\ud800"],
  ...["\u0000", "\u009f", "\uffff", "💥", ",", ":", "[".repeat(500), '{"a":'.repeat(200), "x".repeat(2_000)],
];

/** A repeatable source of numbers below 1 (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`f28 ${FRAMES} broken frames are answered or close their own socket, and another room does not notice`, async (t) => {
  const server = await startServer(t);
  const others = ["ann", "bob"].map((name) => nodePeer(t, name, { url: server.url }));
  for (const other of others) await other.call("join", "another room");
  await others[0].log.until("peer-joined");
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  for (let number = 0; number < FRAMES / PER_SOCKET; number += 1) {
    const client = await Raw.connect(server.url);
    for (let frame = 0; frame < PER_SOCKET; frame += 1) {
      const text = Array.from({ length: 1 + Math.floor(next() * 12) }, () => pick(PIECES)).join("");
      client.send(next() < 0.1 ? Buffer.from(text) : text);
    }
    const closed = await client.settleOrClose();
    if (closed) assert.fail(`none of these frames is worth a close: ${closed.code} ${closed.reason}`);
    await client.close();
  }
  for (const [index, other] of others.entries()) {
    assert.equal((await other.call("send", index)).error, undefined);
    assert.deepEqual(other.log.all("state-change").map((it) => it.to), ["joining", "joined"]);
  }
  await others[0].log.until((it) => it.name === "data" && it.data === 1);
});

test("f28 what is no frame is malformed_message, whatever it is", async (t) => {
  const server = await startServer(t);
  const client = await Raw.connect(server.url);
  const broken = [
    ...["", "hello", "[]", "null", "1", '"x"', "{}", '{"type":', "\u0000", "[".repeat(60_000), '{"a":'.repeat(10_000)],
    ...['{"type":1}', '{"type":"subscribe"}', '{"type":"subscribe","channel":["demo"]}', '{"type":"send","to":1,"data":1}'],
    ...['{"type":"ping","requestId":{}}', `{"type":"ping","requestId":"${"r".repeat(129)}"}`],
    ...[Buffer.from('{"type":"ping"}'), Buffer.alloc(0)],
  ];
  for (const frame of broken) {
    const after = client.log.length;
    client.send(frame);
    const { code } = await client.log.until("error", { after });
    assert.equal(code, "malformed_message", String(frame).slice(0, 40));
  }
  const after = client.log.length;
  client.send({ type: "teleport" });
  assert.equal((await client.log.until("error", { after })).code, "unknown_type");
  await client.settle();
});
