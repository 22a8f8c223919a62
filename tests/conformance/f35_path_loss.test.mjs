import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

// In a network namespace of its own, where UDP can be blocked without blocking anybody else's.
const INSIDE = fileURLToPath(new URL("namespaced/path_loss.mjs", import.meta.url));

for (const other of ["tab", "python"]) {
  test(`f35 media comes back when UDP is no longer blocked, with a ${other} at the other end`, async (t) => {
    // A test runner of its own, which writes for people.
    const { NODE_TEST_CONTEXT, ...env } = process.env;
    const program = [process.execPath, "--experimental-websocket", "--test-reporter", "tap", INSIDE, other];
    const child = spawn("unshare", ["--net", "--map-root-user", ...program], { stdio: ["ignore", "pipe", "pipe"], env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
    if (code !== 0) throw new Error(`inside the namespace (${code}): ${output.slice(-2_000)}`);
    for (const [, note] of output.matchAll(/# (blocked .*)$/gm)) t.diagnostic(note);
  });
}
