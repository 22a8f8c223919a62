// Who takes part in the matrix: programs on each language's binding, and a tab, behind one set of words.

import { EnginePeer } from "./engine.mjs";
import { poll } from "./log.mjs";
import { KEY } from "./server.mjs";

const PICTURES = 60;
/** Half a second of sound louder than -40 dBFS, in frames of 20 ms. */
const LOUD_FRAMES = 25;
/** The energy of half a second of a tone, by W3C webrtc-stats (`totalAudioEnergy`): a fake microphone beeps now and then. */
const ENERGY = 0.00001;

/** A program that speaks the engine's line protocol. */
export class Program {
  #peer;

  static async start(name, file, { url }) {
    const it = new Program();
    it.#peer = new EnginePeer(name, file);
    await it.#peer.demand({ call: "create", key: KEY, url, addresses: ["127.0.0.1"] });
    return it;
  }

  get log() {
    return this.#peer.log;
  }

  /** Adds the stream that the others will get. */
  register(metadata) {
    return this.#peer.publish("camera", ["audio", "video"], metadata);
  }

  async publishTo() {
    // It is published since the join.
  }

  join(channel) {
    return this.#peer.join(channel);
  }

  leave() {
    return this.#peer.leave();
  }

  async metadataOf(peer) {
    return (await this.log.until((it) => it.name === "stream-added" && it.peer === peer)).metadata;
  }

  /** Waits until enough pictures and sound have come of a peer. */
  receive(peer, patienceMs) {
    const enough = ({ video, loud }) => video >= PICTURES && loud >= LOUD_FRAMES;
    return poll(`${PICTURES} pictures and sound`, () => this.#peer.frames(peer), enough, patienceMs);
  }

  /** How long after its own join the first picture of a peer came. */
  async firstFrameMs(peer) {
    const joining = this.log.all("state-change").find((it) => it.to === "joining");
    return (await this.#peer.frames(peer)).firstPictureAt - joining.at;
  }

  async send(data, to) {
    const { error, message } = await this.#peer.finish({ call: "send", data, to });
    if (error) throw new Error(`send: ${error}: ${message}`);
  }

  sawLeave(peer) {
    return this.log.until((it) => it.name === "peer-left" && it.peer === peer);
  }

  end() {
    return this.#peer.end();
  }
}

/** A tab with the JavaScript SDK. */
export class TabParticipant {
  #tab;
  #began;
  #metadata;

  static async start(name, chromium, { url }) {
    const it = new TabParticipant();
    it.#tab = await chromium.peer(name, { url });
    return it;
  }

  get log() {
    return this.#tab.log;
  }

  async register(metadata) {
    this.#metadata = metadata;
  }

  /**
   * Publishes once a peer's stream is there. Chromium names a track by the section that it came in, and the SDK looks
   * metadata up by that name: had the tab made the section, it could not tell what the other says of its stream.
   */
  async publishTo(peer) {
    await this.metadataOf(peer);
    await this.#tab.publish("camera", undefined, this.#metadata);
  }

  join(channel) {
    this.#began = performance.now();
    return this.#tab.join(channel);
  }

  /** The SDK's peer leaves for good. */
  async leave() {
    const { error, message } = await this.#tab.call("close");
    if (error) throw new Error(`close: ${error}: ${message}`);
  }

  async metadataOf(peer) {
    return (await this.log.until((it) => it.name === "remote stream-added" && it.peer === peer)).metadata;
  }

  async receive(peer, patienceMs) {
    const seen = async () => this.#tab.run("received", peer);
    await poll("the first picture", seen, ({ framesDecoded }) => framesDecoded > 0, patienceMs);
    this.firstPicture = performance.now() - this.#began;
    // A tab decodes the sound of what is played alone.
    await this.#tab.run("play", peer);
    const enough = ({ framesDecoded, audioEnergy }) => framesDecoded >= PICTURES && audioEnergy > ENERGY;
    return poll(`${PICTURES} pictures and sound`, seen, enough, patienceMs);
  }

  async firstFrameMs() {
    return this.firstPicture;
  }

  async send(data, to) {
    const { error, message } = await this.#tab.call(...(to ? ["sendTo", to, data] : ["send", data]));
    if (error) throw new Error(`send: ${error}: ${message}`);
  }

  sawLeave(peer) {
    return this.log.until((it) => it.name === "peer-left" && it.peer === peer);
  }

  end() {
    return this.#tab.close();
  }
}
