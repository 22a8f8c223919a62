import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePeer, signallingClient } from "./support/node.mjs";
import { pythonPeer } from "./support/python.mjs";
import { startServer } from "./support/server.mjs";

test("f17 a shutdown says so and closes with 1001, and after the restart all are back with the right roster", async (t) => {
  const first = await startServer(t);
  const watcher = signallingClient(t, "watcher", { url: first.url });
  await watcher.client.connect();
  await watcher.client.subscribe("demo");
  const nodes = [1, 2, 3].map((number) => nodePeer(t, `node ${number}`, { url: first.url }));
  const python = await pythonPeer(t, "python", { url: first.url });
  for (const node of nodes) assert.equal((await node.call("join", "demo")).error, undefined);
  await python.join("demo");
  const everyone = 5;
  for (const node of nodes) await node.log.until(countOf("peer-joined", everyone - 1));
  const identities = nodes.flatMap((node) => node.remotes().map((it) => it.id));

  const marks = nodes.map((node) => node.log.length);
  const pythonMark = python.log.length;
  await first.stop();
  await watcher.log.until("going-away");
  const closed = await watcher.log.until("disconnected");
  assert.deepEqual([closed.code, closed.willReconnect], [1001, true]);
  const announced = watcher.log.events.findIndex((it) => it.name === "going-away");
  assert.ok(announced < watcher.log.events.indexOf(closed), "the announcement comes first");
  await startServer(t, { listen: first.address });

  const isJoined = (it) => it.name === "state-change" && it.to === "joined";
  for (const [index, node] of nodes.entries()) await node.log.until(isJoined, { after: marks[index] });
  await python.log.until(isJoined, { after: pythonMark });
  const idsNow = async () => [...nodes.map((it) => it.peerId()), await python.id(), await present(watcher)];
  const expected = (await idsNow()).sort();
  for (const node of nodes) {
    await rosterOf(node, expected);
    assert.equal(node.log.all("error").length, 0);
  }
  const kept = nodes.flatMap((node) => node.remotes().map((it) => it.id)).filter((id) => identities.includes(id));
  t.diagnostic(`identities lost: ${identities.length - kept.length} of ${identities.length}`);
});

/** Waits until the watcher is connected again and returns its id. */
async function present({ log }) {
  const back = await log.until((it) => it.name === "connected" && it.isReconnect);
  return back.peerId;
}

/** Waits until a peer tracks exactly the others of `ids`. */
async function rosterOf(node, ids) {
  const others = ids.filter((id) => id !== node.peerId());
  const isRight = () => {
    const seen = node.remotes().map((it) => it.id).sort();
    return seen.length === others.length && seen.every((id, index) => id === others[index]);
  };
  if (!isRight()) await node.log.until(isRight);
}

function countOf(name, wanted) {
  let count = 0;
  return (it) => {
    if (it.name === name) count += 1;
    return count === wanted;
  };
}
