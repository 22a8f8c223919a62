// Prints each test as it ends and, at the end, one line for each check of the list F1–F40, and one for the scenarios.

export default async function* report(events) {
  const checks = new Map();
  for await (const { type, data } of events) {
    // What a test measured; the runner's own figures at the end belong to no file.
    if (type === "test:diagnostic" && data.file) yield `     ${data.message}\n`;
    if (type === "test:stderr" || type === "test:stdout") yield data.message;
    if (type !== "test:pass" && type !== "test:fail") continue;
    const failure = type === "test:fail" ? reason(data.details.error) : null;
    const seconds = (data.details.duration_ms / 1000).toFixed(1);
    yield `${failure ? "FAIL" : "ok  "} ${data.name} (${seconds} s)\n`;
    if (failure) yield `     ${failure}\n`;
    const number = /^f(\d\d) /.exec(data.name)?.[1];
    const check = number ? `F${Number(number)}` : data.name.split(" ")[0];
    const seen = checks.get(check) ?? { seconds: 0, tests: 0, failures: [] };
    checks.set(check, {
      seconds: seen.seconds + data.details.duration_ms / 1000,
      tests: seen.tests + 1,
      failures: failure ? [...seen.failures, failure] : seen.failures,
    });
  }
  yield "\n";
  const order = [...checks].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  for (const [check, { seconds, tests, failures }] of order) {
    const verdict = failures.length === 0 ? "ok" : `failed: ${failures.join("; ").replace(/\s+/g, " ").slice(0, 300)}`;
    yield `${check.padEnd(4)} ${seconds.toFixed(1).padStart(7)} s  ${tests} test${tests > 1 ? "s" : ""}  ${verdict}\n`;
  }
}

/** What went wrong in words; the runner wraps what a test threw. */
function reason(error) {
  const cause = error.cause ?? error;
  return cause?.message ?? String(cause);
}
