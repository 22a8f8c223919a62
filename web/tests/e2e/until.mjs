const POLL_MS = 100;

/**
 * Waits until `probe` returns something that `accept` takes, and returns it. Rejects with what was seen last when
 * that does not happen within `timeoutMs`.
 */
export async function until(what, probe, accept = Boolean, timeoutMs = 45_000) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await probe();
    if (accept(seen)) return seen;
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs / 1000} s; last seen ${JSON.stringify(seen)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
