import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { startProxy } from "./support/proxy.mjs";

const LEVELS = ["error", "warn", "info", "debug", "trace"];
const TURN_PASSWORD = "turnpassword-7f3a";
const NAMES = { channel: "room of secrets", ann: "ann-of-the-log", bob: "bob-of-the-log", word: "whispered-word", display: "Ann Elk" };

/** Two engines that log at this level meet, talk, lose the server, are refused, and leave; returns what they wrote. */
async function story(t, level) {
  const server = await startServerWithTokens(t);
  const way = await startProxy(t, server);
  const iceServers = [{ urls: "turn:127.0.0.1:9", username: "turn-user", credential: TURN_PASSWORD }];
  const tokens = new Set();
  const token = (sub) => () => {
    const made = server.token({ sub, peerMetadata: { name: NAMES.display }, metadata: { iceServers } });
    tokens.add(made);
    return made;
  };
  const env = { RUST_LOG: level };
  const start = (name) => enginePeer(t, name, { url: way.url, token: token(NAMES[name]), env });
  const [ann, bob] = [await start("ann"), await start("bob")];
  await Promise.all([ann.publish("camera", ["audio", "video"], { name: NAMES.display }), bob.publish("camera", ["audio"])]);
  await Promise.all([ann.join(NAMES.channel), bob.join(NAMES.channel)]);
  await ann.mediaFrom(NAMES.bob, { video: false });
  await ann.finish({ call: "send", data: NAMES.word });
  await bob.log.until("data");
  const channel = await bob.openChannel(NAMES.ann, NAMES.word);
  await bob.log.until("channel-open");
  await bob.sendOnChannel(channel, NAMES.word);
  await ann.log.until("channel-message");
  const mark = ann.log.length;
  way.cut();
  await ann.log.until((it) => it.to === "joined", { after: mark });
  const refused = await enginePeer(t, "refused", { url: way.url, token: `${[...tokens][0]}x`, env });
  await assert.rejects(refused.join(NAMES.channel));
  // What goes over an ICE connection is protected by these.
  const texts = [ann, bob, refused].map((it) => JSON.stringify(it.log.events));
  await Promise.all([ann.leave(), bob.leave()]);
  await Promise.all([ann.end(), bob.end(), refused.end()]);
  return { written: [ann, bob, refused].map((it) => it.complaints).join(""), events: texts.join(""), tokens: [...tokens], server };
}

/** The strings that are in a text. */
const found = (text, strings) => strings.filter((it) => text.includes(it));

const addresses = Object.values(networkInterfaces()).flat().map((it) => it.address).filter((it) => it !== "127.0.0.1" && it !== "::1");

for (const level of LEVELS) {
  test(`f40 an engine that logs at ${level} writes no credential, and no name or address above debug`, async (t) => {
    const { written, events, tokens, server } = await story(t, level);
    // Also a part of a token is one, and so is what resumes a session.
    const signatures = tokens.map((it) => it.split(".")[2]);
    const credentials = [...tokens, ...signatures, TURN_PASSWORD, server.publishable, "resume="];
    assert.deepEqual(found(written, credentials), [], `${level}: credentials in the log`);
    assert.deepEqual(found(events, credentials), [], "credentials in events");
    assert.ok(!/ice-pwd|a=fingerprint/.test(written), `${level}: a description in the log`);
    if (!["debug", "trace"].includes(level)) {
      assert.deepEqual(found(written, [...Object.values(NAMES), ...addresses]), [], `${level}: names or addresses in the log`);
    }
    if (level === "info") assert.match(written, /joined/);
    t.diagnostic(`${level}: ${written.split("\n").length - 1} lines`);
  });
}
