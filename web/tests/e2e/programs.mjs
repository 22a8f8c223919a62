import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { until } from "./until.mjs";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const STOP_MS = 5_000;

/** Starts `parlor serve` on a free port and waits until it serves the page. */
export async function startServer(parlor) {
  const address = `127.0.0.1:${await freePort()}`;
  const program = start([parlor, "serve", "--dev", "--listen", address, "--web-dir", DIST]);
  const answers = () => fetch(`http://${address}/`).then((it) => it.ok, () => false);
  try {
    await until(`the page at http://${address}/`, async () => program.exited() || answers(), Boolean, 20_000);
    if (program.exited()) throw new Error("the server ended at once");
  } catch (failure) {
    await program.stop();
    throw new Error(`${failure.message}\n${program.log()}`);
  }
  return { url: `ws://${address}`, log: program.log, stop: program.stop };
}

/**
 * Starts a native call that publishes a test picture and a tone. `report()` waits for its end and returns the one
 * JSON object that it prints.
 */
export function startNative(command, { url, key, channel, seconds }) {
  const program = start([
    ...command,
    ...["--url", url, "--key", key, "--channel", channel],
    ...["--video", "test", "--audio", "tone", "--role", "camera"],
    ...["--seconds", String(seconds), "--json"],
  ]);
  return {
    stop: program.stop,
    /** Runs `test`, but not longer than the call: with its end nothing more can come. */
    async during(test) {
      const early = program.closed.then(() => {
        throw new Error(`the native call ended too early (${program.exited()}):\n${program.log()}`);
      });
      return Promise.race([test(), early]);
    },
    async report() {
      const timeout = (seconds + 30) * 1000;
      await until("the end of the native call", async () => program.exited(), Boolean, timeout);
      try {
        return JSON.parse(program.output());
      } catch {
        throw new Error(`the native call printed no JSON (${program.exited()}):\n${program.log()}`);
      }
    },
  };
}

function start([file, ...args]) {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let log = "";
  let exited = null;
  child.stdout.on("data", (data) => {
    output += data;
    log += data;
  });
  child.stderr.on("data", (data) => (log += data));
  child.on("error", (error) => (exited = error.message));
  const closed = new Promise((resolve) => {
    child.on("close", (code, signal) => {
      exited ??= signal ?? `exit code ${code}`;
      resolve();
    });
  });
  return {
    closed,
    exited: () => exited,
    output: () => output,
    log: () => log,
    async stop() {
      if (exited) return;
      child.kill("SIGTERM");
      const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await closed;
      clearTimeout(impatience);
    },
  };
}

/** A port that was free a moment ago. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
