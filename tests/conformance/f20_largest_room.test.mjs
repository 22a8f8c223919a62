import assert from "node:assert/strict";
import { test } from "node:test";
import { startServerWithTokens } from "./support/keys.mjs";
import { Raw } from "./support/raw.mjs";

const MEMBERS = 256;
const METADATA = 4_096;
/** Clients close on a larger frame. */
const MAX_FRAME = 1_048_576;

test(`f20 the snapshot of ${MEMBERS} members with the largest metadata is less than 1 MiB`, async (t) => {
  const server = await startServerWithTokens(t);
  // The longest ids, and metadata of the most bytes.
  const peerMetadata = { note: "x".repeat(METADATA - '{"note":""}'.length) };
  const connect = (number) => {
    const sub = String(number).padStart(128, "p");
    return Raw.connect(server.url, `?token=${server.token({ sub, peerMetadata })}`);
  };
  let last;
  let refused = null;
  let members = 0;
  while (members < MEMBERS && !refused) {
    const client = await connect(members);
    try {
      await client.subscribe("demo");
      members += 1;
      last = client;
    } catch (error) {
      refused = error.code;
    }
  }
  const snapshot = last.presence("demo")[0];
  t.diagnostic(`${members} members in ${snapshot.text.length} bytes${refused ? `, then ${refused}` : ""}`);
  assert.ok(snapshot.text.length < MAX_FRAME, `${snapshot.text.length} bytes`);
  assert.ok(snapshot.joined.length >= members - 1);
  // One more is told that the room is full.
  const over = await connect(MEMBERS);
  await assert.rejects(over.subscribe("demo"), { code: "channel_full" });
});
