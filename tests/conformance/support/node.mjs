import { MeteredPeer, SignallingClient } from "@metered-ca/realtime";
import WebSocket from "ws";
import { drive } from "./drive.mjs";
import { Log } from "./log.mjs";
import { KEY } from "./server.mjs";

const BuiltIn = globalThis.WebSocket;

/** The two WebSockets that Node programs use the SDK with; the built-in one is behind a flag before Node 22. */
export const SOCKETS = {
  ws: (url) => new WebSocket(url),
  "the built-in WebSocket": (url) => {
    if (!BuiltIn) throw new Error("run node with --experimental-websocket");
    return new BuiltIn(url);
  },
};

/** Stands where Node has no WebRTC: for peers that have nothing to send, the SDK only makes and closes it. */
class NoConnection extends EventTarget {
  connectionState = "new";
  iceConnectionState = "new";
  signalingState = "stable";
  localDescription = null;
  close() {}
}

/**
 * A `MeteredPeer` in this process, with nothing to send; it learns who is there all the same. `onConnection` gets the
 * configuration of each connection that it makes.
 */
export function nodePeer(t, name, { url, socket = "ws", apiKey = KEY, onConnection = () => {}, ...options }) {
  const log = new Log(name);
  const credential = options.tokenProvider ? {} : { apiKey };
  const sdk = { url, ...credential, webSocketFactory: SOCKETS[socket], ...options };
  sdk.rtcPeerConnectionFactory = (config) => {
    onConnection(config);
    return new NoConnection();
  };
  const driven = drive(MeteredPeer, sdk, (event) => log.add(event));
  t.after(() => driven.peer.close());
  return { log, ...driven };
}

/** A `SignallingClient` in this process; its log has the SDK's events. */
export function signallingClient(t, name, { url, socket = "ws", apiKey = KEY, ...options }) {
  const log = new Log(name);
  const credential = options.tokenProvider ? {} : { apiKey };
  const client = new SignallingClient({ url, ...credential, webSocketFactory: SOCKETS[socket], ...options });
  for (const event of ["connected", "disconnected", "state-change", "message", "direct", "presence", "server-error", "going-away"]) {
    client.on(event, (details) => log.add({ ...details, name: event, at: performance.now() }));
  }
  t.after(() => client.close());
  return { log, client };
}
