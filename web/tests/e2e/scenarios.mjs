import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { startNative } from "./programs.mjs";
import { until } from "./until.mjs";

// Two seconds of video at 30 frames a second: past any picture that a lucky first key frame could have shown.
const FRAMES = 60;
// How loud a tone must at least arrive; silence and comfort noise are far below.
const AUDIBLE_DB = -60;
// Enough for a machine that is busy with other tests: what is waited for takes two seconds on an idle one.
const NATIVE_SECONDS = 20;

/** Each scenario fails by throwing, and returns what it saw in a few words. */
export const scenarios = [
  { name: "two tabs see and hear each other", tabsOnly: true, test: twoTabs },
  { name: "a tab that leaves is gone for the other, and can come back", tabsOnly: true, test: leaveAndReturn },
  { name: "a tab without camera, behind mDNS names, joins as a viewer and says so", test: viewer },
  { name: "a refused key is explained", test: refusedKey },
  { name: "a tab and the native engine, the tab polite", needsNative: true, test: (it) => withNative(it, true) },
  { name: "a tab and the native engine, the tab impolite", needsNative: true, test: (it) => withNative(it, false) },
  { name: "a viewer behind mDNS names and the native engine", needsNative: true, test: viewerWithNative },
];

async function twoTabs({ browsers, url, key }) {
  const channel = newChannel();
  const first = await browsers.open("camera", url, { channel, key });
  const second = await browsers.open("camera", url, { channel, key });
  // As a person would: click in one tab, then in the other.
  await first.join();
  await second.join();
  const [a, b] = await Promise.all([first.reaches("joined"), second.reaches("joined")]);
  await first.connectedTo(b.peerId);
  await second.connectedTo(a.peerId);
  const [seenByFirst, seenBySecond] = await Promise.all([
    first.receives({ frames: FRAMES }),
    second.receives({ frames: FRAMES }),
  ]);
  await browsers.screenshot(first, "two tabs");
  first.assertClean();
  second.assertClean();
  return `${inWords(seenByFirst)}; ${inWords(seenBySecond)}`;
}

async function leaveAndReturn({ browsers, url, key }) {
  const channel = newChannel();
  const stayer = await browsers.open("camera", url, { channel, key, autojoin: 1 });
  const leaver = await browsers.open("camera", url, { channel, key, autojoin: 1 });
  const { peerId } = await leaver.reaches("joined");
  await stayer.connectedTo(peerId);
  await leaver.receives({ frames: 1 });

  const camera = await leaver.page.evaluateHandle(() => document.querySelector("[data-peer=local] video").srcObject);
  await leaver.leave();
  assert.deepEqual(await leaver.tiles(), [], "tiles left behind");
  const tracks = await camera.evaluate((stream) => stream.getTracks().map((it) => it.readyState));
  assert.deepEqual(tracks, ["ended", "ended"], "the camera is still open");
  await until("the tile to go", () => stayer.tiles(), (tiles) => tiles.every((it) => it.peer === "local"));

  await leaver.join();
  const again = await leaver.reaches("joined");
  await stayer.connectedTo(again.peerId);
  await stayer.receives({ frames: FRAMES });
  stayer.assertClean();
  leaver.assertClean();
  return "left, camera closed, joined again";
}

async function viewer({ browsers, url, key }) {
  const channel = newChannel();
  const sender = await browsers.open("camera", url, { channel, key, autojoin: 1 });
  const { peerId } = await sender.reaches("joined");
  const tab = await browsers.open("bare", url, { channel, key, autojoin: 1 });
  await tab.reaches("joined");
  assert.match((await tab.problem()) ?? "", /No camera .* joined as a viewer/);
  await tab.connectedTo(peerId);
  const seen = await tab.receives({ frames: FRAMES });
  const [tile] = await tab.tiles();
  assert.equal(tile.role, "camera", "the sender's role");
  await assertHiddenAddresses(tab);
  tab.assertClean();
  return inWords(seen);
}

async function refusedKey({ browsers, url }) {
  const tab = await browsers.open("camera", url, { channel: newChannel(), key: "pk_unknown", autojoin: 1 });
  const problem = await until("an explanation", () => tab.problem());
  assert.match(problem, /does not accept this key/);
  assert.equal((await tab.status()).state, "idle");
  assert.deepEqual(await tab.tiles(), []);
  tab.assertClean();
  return problem;
}

/** A call in a wanted order of politeness, which follows from the ids that the server draws. */
async function withNative({ browsers, native, url, key }, tabIsPolite) {
  const tab = await browsers.open("camera", url, { channel: newChannel(), key });
  for (let attempt = 1; attempt <= 6; attempt += 1) {
    const tabId = await joinWithId(tab, tabIsPolite ? (id) => id < "4" : (id) => id >= "c");
    const { seen, remote, nativeId } = await callNative(tab, { native, url, key });
    if (tabId < nativeId === tabIsPolite) {
      await browsers.screenshot(tab, `native, tab ${tabIsPolite ? "polite" : "impolite"}`);
      tab.assertClean();
      return `tab ${inWords(seen)}; native ${nativeInWords(remote)}`;
    }
    await tab.leave();
  }
  throw new Error("the ids never came in the wanted order");
}

/** Joins anew until the server drew an id that makes the wanted order likely; the last try is kept as it is. */
async function joinWithId(tab, wanted) {
  for (let attempt = 1; ; attempt += 1) {
    await tab.join();
    const { peerId } = await tab.reaches("joined");
    if (wanted(peerId) || attempt === 12) return peerId;
    await tab.leave();
  }
}

/** Runs one native call with a tab that has joined and checks both sides. */
async function callNative(tab, { native, url, key, tabSends = true }) {
  const channel = await tab.page.inputValue("#channel");
  const { peerId: tabId } = await tab.status();
  const before = await tab.media();
  const call = startNative(native, { url, key, channel, seconds: NATIVE_SECONDS });
  try {
    const seen = await call.during(async () => {
      await until("the native peer", () => tab.status(), ({ peers }) => peers === 1);
      return tab.receives({ frames: before.framesDecoded + FRAMES });
    });
    const report = await call.report();
    assert.equal(report.ok, true, `the native call says ${JSON.stringify(report)}`);
    const [session] = report.sessions;
    const connected = session.events.some((it) => it.peer_id === tabId && it.to === "connected");
    assert.ok(connected, `the native call never connected to ${tabId}: ${JSON.stringify(session)}`);
    const remote = session.remotes.find((it) => it.peer_id === tabId);
    if (tabSends) {
      assert.ok(remote?.video?.frames >= FRAMES, `native video ${JSON.stringify(remote?.video)}`);
      assert.ok(remote.audio?.level_db > AUDIBLE_DB, `native audio ${JSON.stringify(remote.audio)}`);
    }
    await until("the native peer to be gone", () => tab.status(), ({ peers }) => peers === 0);
    return { seen, remote, nativeId: session.peer_id };
  } finally {
    await call.stop();
  }
}

async function viewerWithNative({ browsers, native, url, key }) {
  const tab = await browsers.open("bare", url, { channel: newChannel(), key, video: 0, audio: 0, autojoin: 1 });
  await tab.reaches("joined");
  const { seen } = await callNative(tab, { native, url, key, tabSends: false });
  await assertHiddenAddresses(tab);
  tab.assertClean();
  return inWords(seen);
}

async function assertHiddenAddresses(tab) {
  const descriptions = (await tab.localDescriptions()).join("");
  assert.match(descriptions, /a=candidate:.*\.local /, "the browser told its addresses openly");
}

function newChannel() {
  return `e2e/${randomUUID()}`;
}

function inWords({ framesDecoded, size, videoCodec, audioEnergy, audioCodec }) {
  return `${framesDecoded} frames ${size} ${videoCodec}, ${audioCodec} energy ${audioEnergy.toFixed(4)}`;
}

function nativeInWords({ role, video, audio }) {
  return `${video.frames} frames ${video.width}x${video.height} ${video.codec}, ${audio.codec} ${audio.level_db} dB, role ${role}`;
}
