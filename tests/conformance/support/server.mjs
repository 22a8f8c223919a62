import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const BINARY = process.env.PARLOR_SERVER;
const GREETING = /^Parlor listens on (ws:\/\/\S+)$/m;

/** The key that opens everything. */
export const KEY = "pk_test_everything";
const OPEN_KEY = `[[keys]]\nid = "${KEY}"\n`;
/** All clients of a test come from one address. */
const ENV = { PARLOR_CONNECTS_PER_ADDRESS: "0" };

/**
 * Starts a server process and waits until it listens. The test `t` stops it at its end.
 *
 * `config` is TOML; without any there is only `KEY`. `env` has settings that win over it. A `listen` address lets a
 * restarted server have the port of the one before.
 */
export async function startServer(t, { config = OPEN_KEY, listen = "127.0.0.1:0", env = {} } = {}) {
  if (!BINARY) throw new Error("PARLOR_SERVER must name the server's binary; `cargo xtask conformance` does that");
  const dir = mkdtempSync(path.join(tmpdir(), "parlor-conformance-"));
  const file = path.join(dir, "server.toml");
  writeFileSync(file, config);
  const child = spawn(BINARY, ["--config", file, "--listen", listen], {
    cwd: dir,
    env: { ...process.env, ...ENV, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  const ended = new Promise((resolve) => child.once("close", resolve));
  const url = await new Promise((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (data) => {
      output += data;
      const greeting = GREETING.exec(output);
      if (greeting) resolve(greeting[1]);
    });
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`the server ended at once (${code}):\n${log}`)));
  });
  const server = {
    url,
    http: url.replace(/^ws/, "http"),
    address: new URL(url).host,
    log: () => log,
    /** Asks it to stop, as an init system does, and waits for its end. */
    async stop() {
      child.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
    /** Ends it without a word to anyone. */
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  t.after(() => server.stop());
  return server;
}
