import assert from "node:assert/strict";
import { test } from "node:test";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

const ROUNDS = 30;
const CROWD = 10;

test(`f26 the first presence after a subscribe is the whole roster while ${CROWD} others come and go, ${ROUNDS} times`, async (t) => {
  const server = await startServer(t);
  const stays = await Raw.connect(server.url);
  await stays.subscribe("demo");
  const crowd = await Promise.all(Array.from({ length: CROWD }, () => Raw.connect(server.url)));
  for (let round = 1; round <= ROUNDS; round += 1) {
    const back = await Raw.connect(server.url);
    const joins = crowd.map((it) => it.subscribe("demo"));
    const roster = await back.subscribe("demo");
    await Promise.all(joins);
    await back.settle();
    assert.ok(roster.includes(stays.id), `round ${round}: the first presence lacks who was there before`);
    // Whoever is not in it must be told later, and nobody twice.
    const known = back.presence("demo").flatMap((it) => it.joined.map(({ peerId }) => peerId));
    const others = known.filter((id) => id !== back.id);
    assert.equal(new Set(others).size, others.length, `round ${round}: somebody was told twice`);
    for (const member of crowd) assert.ok(others.includes(member.id), `round ${round}: a member was never told`);
    await Promise.all(crowd.map((it) => it.request({ type: "unsubscribe", channel: "demo" })));
    await back.close();
  }
});
