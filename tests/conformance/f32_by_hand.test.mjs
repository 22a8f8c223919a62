import assert from "node:assert/strict";
import { test } from "node:test";
import { Chromium } from "./support/chromium.mjs";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { Raw } from "./support/raw.mjs";

// A browser's connection whose signalling the test carries by hand, so that it can say what no SDK would.

const ENGINE = "m engine";
/** One that gives way to the engine, and one that the engine gives way to. */
const HANDS = ["a hand", "z hand"];

/** Starts an engine that publishes, and a hand in the same channel. */
async function meet(t, chromium, server, handId, tracks = ["audio", "video"]) {
  const engine = await enginePeer(t, "engine", { url: server.url, token: () => server.token({ sub: ENGINE }) });
  if (tracks.length > 0) await engine.publish("camera", tracks);
  const socket = await Raw.connect(server.url, `?token=${server.token({ sub: handId })}`);
  await socket.subscribe(handId);
  const hand = new Hand(await chromium.page(), socket);
  await hand.connect();
  const joined = engine.join(handId);
  await socket.log.until((it) => it.name === "presence" && it.joined.some(({ peerId }) => peerId === ENGINE));
  await joined;
  await engine.log.until((it) => it.name === "peer-joined" && it.peer === handId);
  return [engine, hand];
}

class Hand {
  /** How much of the socket's log was read. */
  #read = 0;

  constructor(page, socket) {
    this.page = page;
    this.socket = socket;
  }

  /** Makes a connection with this many sendrecv m-sections of pictures; the one before, if any, is just forgotten. */
  connect(pictures = 1) {
    return this.page.evaluate(async (count) => {
      const pc = new RTCPeerConnection();
      window.pc = pc;
      window.candidates = [];
      pc.onicecandidate = ({ candidate }) => window.candidates.push(candidate?.toJSON() ?? null);
      for (let index = 0; index < count; index += 1) {
        const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
        const context = canvas.getContext("2d");
        let number = 0;
        setInterval(() => {
          context.fillStyle = `hsl(${(number += 7) % 360} 80% 50%)`;
          context.fillRect(0, 0, 320, 180);
        }, 66);
        const stream = canvas.captureStream(15);
        pc.addTrack(stream.getTracks()[0], stream);
      }
    }, pictures);
  }

  /** Makes a local description and returns it; without `trickle` with all candidates in it. */
  describe(type, trickle = false) {
    return this.page.evaluate(async ([kind, now]) => {
      const { pc } = window;
      await pc.setLocalDescription(await (kind === "offer" ? pc.createOffer() : pc.createAnswer()));
      const first = pc.localDescription.toJSON();
      if (now) return first;
      if (pc.iceGatheringState !== "complete") {
        await new Promise((done) => pc.addEventListener("icegatheringstatechange", () => pc.iceGatheringState === "complete" && done()));
      }
      return pc.localDescription.toJSON();
    }, [type, trickle]);
  }

  accept(description) {
    return this.page.evaluate((it) => window.pc.setRemoteDescription(it), description);
  }

  /** Adds one more picture and offers it. */
  async offerMore() {
    await this.page.evaluate(() => {
      const [sender] = window.pc.getSenders();
      const track = sender.track.clone();
      window.pc.addTrack(track, new MediaStream([track]));
    });
    return this.describe("offer", true);
  }

  async say(data) {
    const { name, code } = await this.socket.request({ type: "send", to: ENGINE, data });
    assert.equal(name, "ack", code);
  }

  async sayDescription(description) {
    await this.say({ type: "rtc-description", description });
  }

  /** The engine's next description; its candidates go to the connection. */
  async hear(type) {
    for (;;) {
      const { data } = await this.socket.log.until("direct", { after: this.#read });
      this.#read = 1 + this.socket.log.events.findIndex((it, index) => index >= this.#read && it.name === "direct");
      if (data.type === "rtc-ice") await this.#add(data.candidate);
      if (data.type === "rtc-description" && data.description.type === type) return data.description;
    }
  }

  /** Passes the engine's candidates on until the connection is there. */
  async connected() {
    for (;;) {
      const state = await this.page.evaluate(() => window.pc.connectionState);
      if (state === "connected") return;
      assert.notEqual(state, "failed");
      const events = this.socket.log.events.slice(this.#read);
      this.#read += events.length;
      for (const { data } of events.filter((it) => it.name === "direct")) {
        if (data.type === "rtc-ice") await this.#add(data.candidate);
      }
      await this.page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  #add(candidate) {
    return this.page.evaluate((it) => window.pc.addIceCandidate(it ?? undefined), candidate);
  }

  /** All candidates of the connection so far that are candidates, once there are no more. */
  candidates() {
    return this.page.evaluate(async () => {
      while (!window.candidates.includes(null)) await new Promise((done) => window.pc.addEventListener("icecandidate", done, { once: true }));
      return window.candidates.filter((it) => it?.candidate);
    });
  }
}

for (const handId of HANDS) {
  // An engine without streams waits for the offer; this is about the answering side.
  for (const [how, end] of [["in the description", undefined], ["trickled up to null", null], ["trickled up to an empty one", ""]]) {
    test(`f32 the engine answers ${handId}, whose candidates come ${how}`, async (t) => {
      const server = await startServerWithTokens(t);
      const chromium = await Chromium.start(t);
      const [engine, hand] = await meet(t, chromium, server, handId, []);
      const trickle = end !== undefined;
      const offer = await hand.describe("offer", trickle);
      assert.equal(/a=candidate/.test(offer.sdp), !trickle);
      await hand.sayDescription(offer);
      if (trickle) {
        const candidates = await hand.candidates();
        for (const candidate of candidates) await hand.say({ type: "rtc-ice", candidate });
        const last = end === "" ? { ...candidates.at(-1), candidate: "" } : null;
        await hand.say({ type: "rtc-ice", candidate: last });
      }
      await hand.accept(await hand.hear("answer"));
      await hand.connected();
      await engine.mediaFrom(handId, { audio: false });
      assert.deepEqual(engine.log.all("negotiation-error"), []);
    });
  }
}

test("f32 an offer right behind an answer is answered", async (t) => {
  const server = await startServerWithTokens(t);
  const chromium = await Chromium.start(t);
  const [engine, hand] = await meet(t, chromium, server, "a hand");
  // The engine is the one that offers here.
  await hand.accept(await hand.hear("offer"));
  const answer = await hand.describe("answer");
  const offer = await hand.offerMore();
  const socket = hand.socket;
  // Both are on their way before the engine can have taken in the first.
  for (const description of [answer, offer]) socket.send({ type: "send", to: ENGINE, data: { type: "rtc-description", description } });
  await hand.accept(await hand.hear("answer"));
  await hand.connected();
  const streams = () => engine.log.all("stream-added").length;
  await engine.log.until(() => streams() === 2);
  await engine.mediaFrom("a hand", { audio: false });
  assert.deepEqual(engine.log.all("negotiation-error"), []);
});

for (const handId of HANDS) {
  test(`f32 an offer of a connection that ${handId} built anew gets a new link`, async (t) => {
    const server = await startServerWithTokens(t);
    const chromium = await Chromium.start(t);
    const [engine, hand] = await meet(t, chromium, server, handId, []);
    await hand.sayDescription(await hand.describe("offer"));
    await hand.accept(await hand.hear("answer"));
    await hand.connected();
    await engine.mediaFrom(handId, { audio: false });
    const mark = engine.log.length;
    // Another ufrag, another fingerprint, one more m-section.
    await hand.connect(2);
    await hand.sayDescription(await hand.describe("offer"));
    await hand.accept(await hand.hear("answer"));
    await hand.connected();
    await engine.log.until("connection-reset", { after: mark });
    const streams = () => engine.log.events.slice(mark).filter((it) => it.name === "stream-added");
    await engine.log.until(() => streams().length === 2, { after: mark });
    await engine.mediaFrom(handId, { audio: false });
    assert.deepEqual(engine.log.all("negotiation-error"), []);
  });
}
