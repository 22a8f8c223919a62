import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer, SOCKETS } from "./support/node.mjs";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

const JOINS = 100;

// Node loses the roster when the `ack` and the snapshot are read together: its SDK sets the channel only after the
// promise of the `ack`, and drops presence of any other channel until then.
for (const socket of Object.keys(SOCKETS)) {
  test(`f02 each of ${JOINS} late joiners in Node, with ${socket}, learns who is there`, async (t) => {
    const server = await startServer(t);
    const members = [await Raw.connect(server.url), await Raw.connect(server.url)];
    for (const member of members) await member.subscribe("demo");
    const expected = members.map((it) => it.id).sort();
    let complete = 0;
    for (let number = 1; number <= JOINS; number += 1) {
      const late = nodePeer(t, `joiner ${number}`, { url: server.url, socket });
      assert.equal((await late.call("join", "demo")).error, undefined);
      const own = late.peerId();
      for (const member of expected) {
        await late.log.until((it) => it.name === "peer-joined" && it.peer === member, { patienceMs: 10_000 });
      }
      const roster = late.remotes().map((it) => it.id).sort();
      assert.deepEqual(roster, expected);
      complete += 1;
      await late.call("close");
      await members[0].log.until((it) => it.name === "presence" && it.left.some(({ peerId }) => peerId === own));
    }
    assert.equal(complete, JOINS);
  });
}
