// Runs the built page (`web/dist`) in Chromium: tabs with each other, and with a native engine.
//
//   node tests/e2e.mjs --parlor PATH                 starts `PATH serve` and `PATH call` itself
//   node tests/e2e.mjs --server URL --key K          uses a running server that serves the page
//     --native "CMD ARGS"    the native caller, for example "target/debug/parlor call"
//     --screenshots DIR      saves a picture of the calls there
//     --chromium PATH        the browser (default: /usr/bin/chromium)
//     --only TEXT            runs only the scenarios whose name contains TEXT
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { Browsers } from "./e2e/browser.mjs";
import { startServer } from "./e2e/programs.mjs";
import { scenarios } from "./e2e/scenarios.mjs";

// Where both ends are the published SDK 1.2.0, crossing offers now and then leave both peers idle for good: the polite
// tab answers and then sends no candidates. Nothing of ours is between them but the relay of their messages.
const TAB_ATTEMPTS = 3;

const { values: options } = parseArgs({
  options: {
    server: { type: "string" },
    key: { type: "string", default: "pk_dev" },
    parlor: { type: "string" },
    native: { type: "string" },
    screenshots: { type: "string" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    only: { type: "string", default: "" },
  },
});
if (!options.server === !options.parlor) {
  fail("give either --server URL or --parlor PATH (see the head of tests/e2e.mjs)");
}
if (!existsSync(new URL("../dist/index.html", import.meta.url))) {
  fail("web/dist is missing: run `npm run build` first");
}
if (!existsSync(options.chromium)) {
  if (process.env.CI === "true") fail(`no Chromium at ${options.chromium}`);
  console.log(`web e2e skipped: no Chromium at ${options.chromium}`);
  process.exit(0);
}

const native = options.native?.split(/\s+/) ?? (options.parlor && [options.parlor, "call"]);
const server = options.parlor ? await startServer(options.parlor).catch((error) => fail(error.message)) : null;
const browsers = new Browsers(options.chromium, options.screenshots);
const context = { browsers, native, url: server?.url ?? options.server, key: options.key };
const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const scenario of scenarios) {
    if (scenario.name.includes(options.only)) await run(scenario);
  }
} finally {
  await browsers.close();
  await server?.stop();
}
console.log(`e2e: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;

/** Runs a test, and again when it failed and attempts are left; each failure is shown. */
async function attempt(name, attempts, test) {
  try {
    return await test(context);
  } catch (failure) {
    if (attempts === 1) throw failure;
    console.log(`again ${name}: ${failure.message}`);
    await browsers.closePages();
    return attempt(name, attempts - 1, test);
  }
}

async function run({ name, needsNative, tabsOnly, test }) {
  if (needsNative && !native) {
    counts.skipped += 1;
    console.log(`skip  ${name}: no native caller given`);
    return;
  }
  const started = performance.now();
  try {
    const detail = await attempt(name, tabsOnly ? TAB_ATTEMPTS : 1, test);
    counts.passed += 1;
    console.log(`ok    ${name} (${seconds(started)}): ${detail}`);
  } catch (failure) {
    counts.failed += 1;
    console.log(`FAIL  ${name} (${seconds(started)}): ${failure.message}`);
    for (const line of await browsers.describe(name)) console.log(`      ${line}`);
    if (server) console.log(server.log().replace(/^/gm, "      server: "));
  }
  await browsers.closePages();
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function fail(reason) {
  console.error(`web e2e: ${reason}`);
  process.exit(1);
}
