import assert from "node:assert/strict";
import { test } from "node:test";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

const CLIENTS = 200;

test(`f06 with ${CLIENTS} joins at once, nobody gets a direct from someone not yet seen`, async (t) => {
  const server = await startServer(t);
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, number) => Raw.connect(server.url, undefined, { name: `client ${number}` })),
  );
  // Each greets whomever it sees as soon as it sees them, as the SDKs send their offers.
  for (const client of clients) {
    client.log.onEvent = (frame) => {
      if (frame.name !== "presence") return;
      for (const { peerId } of frame.joined) {
        client.send({ type: "send", to: peerId, data: { type: "rtc-ice", candidate: null } });
      }
    };
  }
  await Promise.all(clients.map((it) => it.subscribe("demo")));
  for (const client of clients) await client.log.until(hasCounted("direct", CLIENTS - 1));
  for (const client of clients) {
    const seen = new Set();
    for (const event of client.log.events) {
      if (event.name === "presence") for (const { peerId } of event.joined) seen.add(peerId);
      if (event.name === "direct") assert.ok(seen.has(event.from), "a direct came before its sender's `joined`");
      assert.notEqual(event.name, "error", event.text);
    }
  }
});

function hasCounted(kind, wanted) {
  let count = 0;
  return ({ name }) => {
    if (name === kind) count += 1;
    return count === wanted;
  };
}
