import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { startServer } from "./server.mjs";

const run = promisify(execFile);

/**
 * Starts a server with a database that has a secret key, as an app with a backend has it. `settings` are those of
 * `startServer`; `actions` and `channels` limit the key.
 */
export async function startServerWithTokens(t, { actions = [], channels = [], env = {}, ...settings } = {}) {
  const dir = mkdtempSync(path.join(tmpdir(), "parlor-conformance-keys-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const database = { PARLOR_DATABASE: path.join(dir, "parlor.db") };
  const limits = [...actions.flatMap((it) => ["--action", it]), ...channels.flatMap((it) => ["--channel", it])];
  const create = async (...kind) => {
    const options = { env: { ...process.env, ...database }, cwd: dir };
    const arguments_ = ["keys", "create", "--json", ...kind, ...limits];
    return JSON.parse((await run(process.env.PARLOR_SERVER, arguments_, options)).stdout);
  };
  const secretKey = await create("--secret");
  const publishable = await create();
  const server = await startServer(t, { config: "", ...settings, env: { ...database, ...env } });
  return {
    ...server,
    /** The text of a publishable key. */
    publishable: publishable.key,
    /** What goes with a REST request. */
    bearer: `${secretKey.id}:${secretKey.secret}`,
    /** Signs claims as a backend does; `by` replaces parts of the key. */
    token(claims, by = {}) {
      const { id, secret } = { ...secretKey, ...by };
      return sign({ exp: now() + 3_600, ...claims }, id, secret);
    },
    /** Makes a REST request and returns its status and body. */
    async rest(method, target, body, authorization = `Bearer ${secretKey.id}:${secretKey.secret}`) {
      const response = await fetch(`${server.http}/v1${target}`, {
        method,
        headers: { ...(authorization && { authorization }), "content-type": "application/json" },
        body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      });
      return { status: response.status, ...(await response.json()) };
    },
  };
}

/** The time in Unix seconds. */
export function now() {
  return Math.floor(Date.now() / 1000);
}

/** A JWT (RFC 7519) with HS256. */
function sign(claims, kid, secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT", ...(kid && { kid }) })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
