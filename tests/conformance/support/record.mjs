// Writes what a run found as a page of docs/: what, when, on what machine.
import os from "node:os";

export default async function* record(events) {
  yield "# Soak tests\n\n";
  yield "The checks that wait as long as clients do, at full length, as `make soak` ran them last: ";
  yield `${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} × ${os.cpus()[0].model}, Node ${process.versions.node}, `;
  yield "unoptimised server.\n\n| test | result | seconds |\n| --- | --- | --- |\n";
  const notes = [];
  for await (const { type, data } of events) {
    if (type === "test:diagnostic" && data.file) notes.push(data.message);
    if (type !== "test:pass" && type !== "test:fail") continue;
    const verdict = type === "test:pass" ? "ok" : "**failed**";
    yield `| ${data.name} | ${verdict} | ${(data.details.duration_ms / 1000).toFixed(1)} |\n`;
  }
  yield `\nMeasured: ${notes.join("; ")}.\n`;
}
