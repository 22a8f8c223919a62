// Runs in Chromium: one peer of the JavaScript SDK with a fake camera. The test calls `window.conformance`.
import { DataChannel, MeteredPeer } from "/sdk.mjs";
import { drive } from "/drive.mjs";

let driven;
const streams = new Map();
/** The SDK's wrappers, by peer and label. */
const channels = new Map();

window.conformance = {
  create({ relayOnly, ...options }) {
    const rtcPeerConnectionFactory = (config) =>
      new RTCPeerConnection(relayOnly ? { ...config, iceTransportPolicy: "relay" } : config);
    // A token is asked for each time that the client connects.
    if (options.tokens) options.tokenProvider = () => window.token();
    delete options.tokens;
    driven = drive(MeteredPeer, { ...options, rtcPeerConnectionFactory }, window.report);
    driven.peer.on("peer-joined", ({ peer }) => peer.on("data-channel", ({ channel }) => adopt(peer.id, channel)));
  },
  call: (method, ...args) => driven.call(method, ...args),
  state: () => driven.state(),
  peerId: () => driven.peerId(),
  remotes: () => driven.remotes(),
  async publish(name, constraints, metadata) {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    streams.set(name, stream);
    driven.peer.addStream(stream, metadata);
  },
  unpublish(name) {
    driven.peer.removeStream(streams.get(name));
    for (const track of streams.get(name).getTracks()) track.stop();
    streams.delete(name);
  },
  /** Sends a fresh track in place of a stream's track of this kind; the stream object keeps the old one. */
  async replaceTrack(name, kind, constraints) {
    const fresh = await navigator.mediaDevices.getUserMedia(constraints);
    const old = streams.get(name).getTracks().find((it) => it.kind === kind);
    await driven.peer.replaceTrack(old, fresh.getTracks().find((it) => it.kind === kind));
  },
  /** Takes a stream away that is to come again. */
  withdraw(name) {
    driven.peer.removeStream(streams.get(name));
  },
  /** Adds a stream again, without metadata. */
  again(name) {
    driven.peer.addStream(streams.get(name));
  },
  openChannel(peerId, label, options) {
    adopt(peerId, remote(peerId).pc.createDataChannel(label, options));
  },
  sendOnChannel: (peerId, label, { text, bytes }) =>
    channels.get(`${peerId} ${label}`).send(text ?? Uint8Array.fromHex(bytes).buffer),
  /** Sends many texts at once, and returns how many the wrapper took and the most that was buffered in the channel. */
  async fillChannel(peerId, label, messages, length) {
    const channel = channels.get(`${peerId} ${label}`);
    let most = 0;
    const sent = await Promise.allSettled(
      Array.from({ length: messages }, async () => {
        const done = channel.send("x".repeat(length));
        most = Math.max(most, channel.bufferedAmount);
        await done;
        most = Math.max(most, channel.bufferedAmount);
      }),
    );
    return { taken: sent.filter((it) => it.status === "fulfilled").length, most };
  },
  closeChannel: (peerId, label) => channels.get(`${peerId} ${label}`).close(),
  /** Plays the sound of a peer. */
  play(peerId) {
    const tracks = remote(peerId).pc.getReceivers().map((it) => it.track).filter((it) => it.kind === "audio");
    const audio = new Audio();
    audio.srcObject = new MediaStream(tracks);
    return audio.play();
  },
  /** What has come from a peer over its present connection. */
  async received(peerId) {
    const seen = { videoBytes: 0, audioBytes: 0, framesDecoded: 0, audioEnergy: 0 };
    const peer = remote(peerId);
    if (!peer) return seen;
    for (const stat of (await peer.pc.getStats()).values()) {
      if (stat.type !== "inbound-rtp") continue;
      seen[`${stat.kind}Bytes`] += stat.bytesReceived ?? 0;
      seen.framesDecoded += stat.framesDecoded ?? 0;
      seen.audioEnergy += stat.totalAudioEnergy ?? 0;
    }
    return seen;
  },
};

function remote(peerId) {
  return driven.peer.remotePeers.find((it) => it.id === peerId);
}

/** Wraps a data channel and reports what it tells. Of long messages only the length. */
function adopt(peer, raw) {
  const channel = new DataChannel(raw);
  const { label } = raw;
  channels.set(`${peer} ${label}`, channel);
  const tell = (name, details) => window.report({ name, at: performance.now(), peer, label, ...details });
  channel.on("open", () => tell("channel-open"));
  channel.on("close", () => tell("channel-close"));
  channel.on("error", ({ err }) => tell("channel-error", { error: err.name, message: err.message }));
  channel.on("message", ({ data }) => {
    const size = data.length ?? data.byteLength;
    if (size > 1000) tell("channel-message", { size });
    else tell("channel-message", typeof data === "string" ? { text: data } : { bytes: new Uint8Array(data).toHex() });
  });
}
