// A call between every two of the languages and a tab, each joining first once. `cargo xtask matrix` starts it with what
// the programs are, as JSON in PARLOR_PARTICIPANTS; with `--json` it prints one object instead of a table.

import assert from "node:assert/strict";
import { Chromium } from "./support/chromium.mjs";
import { Program, TabParticipant } from "./support/participants.mjs";
import { startServer } from "./support/server.mjs";

/** How long anything in a call may take: the machine has two such calls to carry, and a JVM to start. */
const PATIENCE_MS = 30_000;
/** Calls that tabs begin now and then never begin (`support/chromium.mjs`, `Chromium.attempt`). */
const ATTEMPTS = { tab: 3, program: 1 };
const AT_ONCE = 2;

const programs = JSON.parse(process.env.PARLOR_PARTICIPANTS);
const asJson = process.argv.includes("--json");

const cleanups = [];
const scope = { after: (cleanup) => cleanups.push(cleanup) };
try {
  process.exitCode = await run();
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}

async function run() {
  const server = await startServer(scope);
  const chromium = await Chromium.start(scope);
  const names = [...Object.keys(programs), "chromium"];
  const start = (name, label) =>
    name === "chromium"
      ? TabParticipant.start(label, chromium, server)
      : Program.start(label, programs[name], server);

  const rows = names.flatMap((a) => names.filter((b) => b !== a).map((b) => ({ a, b })));
  const waiting = [...rows.keys()];
  const work = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      rows[index] = await pair(rows[index], `room ${index}`, start);
      if (!asJson) console.log(line(rows[index]));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const ok = rows.every((row) => row.ok);
  if (asJson) console.log(JSON.stringify({ pairs: rows, ok }));
  else console.log(table(names, rows));
  return ok ? 0 : 1;
}

/** Makes the call of two, again if it is a tab's that never began, and says how it went. */
async function pair({ a, b }, channel, start) {
  const attempts = a === "chromium" || b === "chromium" ? ATTEMPTS.tab : ATTEMPTS.program;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const first_frame_ms = Math.round(await call(a, b, `${channel} ${attempt}`, start));
      return { a, b, ok: true, first_frame_ms, why: attempt > 1 ? `attempt ${attempt}` : null };
    } catch (failure) {
      if (attempt < attempts) continue;
      return { a, b, ok: false, first_frame_ms: null, why: failure.message.slice(0, 300) };
    }
  }
}

async function call(a, b, channel, start) {
  const [first, second] = await Promise.all([start(a, `${a} (first)`), start(b, `${b} (second)`)]);
  try {
    await Promise.all([first.register({ role: "camera", of: a }), second.register({ role: "camera", of: b })]);
    const firstId = await first.join(channel);
    const secondId = await second.join(channel);
    await Promise.all([first.publishTo(secondId), second.publishTo(firstId)]);
    await Promise.all([first.receive(secondId, PATIENCE_MS), second.receive(firstId, PATIENCE_MS)]);
    assert.deepEqual(await first.metadataOf(secondId), { role: "camera", of: b });
    assert.deepEqual(await second.metadataOf(firstId), { role: "camera", of: a });

    for (const [sender, from, receiver, to] of [
      [first, firstId, second, secondId],
      [second, secondId, first, firstId],
    ]) {
      await sender.send({ to: "all" });
      await sender.send({ to: "one", text: "é" }, to);
      for (const [kind, data] of [["broadcast", { to: "all" }], ["direct", { to: "one", text: "é" }]]) {
        const heard = await receiver.log.until((it) => it.name === "data" && it.peer === from && it.kind === kind);
        assert.deepEqual(heard.data, data, `${kind} from ${from}`);
      }
    }
    const firstFrame = await second.firstFrameMs(firstId);
    await second.leave();
    await first.sawLeave(secondId);
    return firstFrame;
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
}

function line({ a, b, ok, first_frame_ms, why }) {
  return `${a} then ${b}: ${ok ? `ok, first picture after ${first_frame_ms} ms` : "FAILED"}${why ? ` (${why})` : ""}`;
}

/** Rows join first, columns second; the figures are milliseconds from the second one's join to its first picture. */
function table(names, rows) {
  const width = Math.max(...names.map((name) => name.length)) + 2;
  const cell = (text) => String(text).padStart(width);
  const of = (a, b) => {
    const row = rows.find((it) => it.a === a && it.b === b);
    return row ? (row.ok ? row.first_frame_ms : "FAILED") : "-";
  };
  const lines = names.map((a) => a.padEnd(width) + names.map((b) => cell(of(a, b))).join(""));
  return ["", "".padEnd(width) + names.map(cell).join(""), ...lines].join("\n");
}
