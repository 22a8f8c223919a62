// Runs in Chromium: one peer of the JavaScript SDK with a fake camera. The test calls `window.conformance`.
import { MeteredPeer } from "/sdk.mjs";
import { drive } from "/drive.mjs";

let driven;
const streams = new Map();

window.conformance = {
  create({ relayOnly, ...options }) {
    const rtcPeerConnectionFactory = (config) =>
      new RTCPeerConnection(relayOnly ? { ...config, iceTransportPolicy: "relay" } : config);
    // A token is asked for each time that the client connects.
    if (options.tokens) options.tokenProvider = () => window.token();
    delete options.tokens;
    driven = drive(MeteredPeer, { ...options, rtcPeerConnectionFactory }, window.report);
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
  /** What has come from a peer over its present connection. */
  async received(peerId) {
    const seen = { videoBytes: 0, audioBytes: 0, framesDecoded: 0 };
    const remote = driven.peer.remotePeers.find((it) => it.id === peerId);
    if (!remote) return seen;
    for (const stat of (await remote.pc.getStats()).values()) {
      if (stat.type !== "inbound-rtp") continue;
      seen[`${stat.kind}Bytes`] += stat.bytesReceived ?? 0;
      seen.framesDecoded += stat.framesDecoded ?? 0;
    }
    return seen;
  },
};
