import { MeteredPeer, SignallingConnectError, WsCloseCode } from "@metered-ca/realtime";
import type { MeteredPeerEventMap, MeteredPeerState, PeerConnectionState, RemotePeer } from "@metered-ca/realtime";
import { closeCapture, openCapture } from "./capture";
import type { CaptureKinds } from "./capture";

// The SDK exports its event maps but not the events that its samples import, so they are named here.
type StateChangeEvent = MeteredPeerEventMap["state-change"];
type PeerJoinedEvent = MeteredPeerEventMap["peer-joined"];
type PeerLeftEvent = MeteredPeerEventMap["peer-left"];
type LeftEvent = MeteredPeerEventMap["left"];
type ErrorEvent = MeteredPeerEventMap["error"];

/** Where to join, as whom, and with what. */
export interface RoomOptions {
  /** The server's origin, `ws:` (this computer only) or `wss:`. */
  url: string;
  /** A publishable key of that server. */
  apiKey: string;
  channel: string;
  capture: CaptureKinds;
  /** Tells the others what our stream shows. */
  role: string;
}

/** What a room session tells its owner. Everything about a remote peer carries that peer's id. */
export interface RoomListener {
  /** `peerId` is our own id, known from the first welcome on; it may change when the state returns to `joined`. */
  onState(state: MeteredPeerState, peerId: string | null): void;
  onLocalStream(stream: MediaStream): void;
  onPeerJoined(peerId: string): void;
  onPeerState(peerId: string, state: PeerConnectionState): void;
  onPeerLeft(peerId: string): void;
  /** Also called again with a new stream after the peer's connection was rebuilt. `role` may be unknown. */
  onStreamAdded(peerId: string, stream: MediaStream, role: string | undefined): void;
  onStreamRemoved(peerId: string, stream: MediaStream): void;
  /** Something to show that does not end the call. */
  onNotice(text: string): void;
  /** The session is over and owns nothing any more. `error` is `null` when `stop()` ended it. */
  onEnded(error: string | null): void;
}

/**
 * One visit to one channel: opens the camera, joins, and owns both until it has ended. Like the SDK's peer below
 * it, a session is used once; the next visit is a new session.
 */
export class RoomSession {
  readonly #options: RoomOptions;
  readonly #listener: RoomListener;
  #peer: MeteredPeer | null = null;
  #stream: MediaStream | null = null;
  #ended = false;

  constructor(options: RoomOptions, listener: RoomListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Joins. Never rejects: a failure ends the session and is told by `onEnded`. */
  async start(): Promise<void> {
    const { stream, notice } = await openCapture(this.#options.capture);
    if (this.#ended) {
      // Stopped while the browser was still asking for permission.
      if (stream) closeCapture(stream);
      return;
    }
    this.#stream = stream;
    if (notice) this.#listener.onNotice(notice);
    if (stream) this.#listener.onLocalStream(stream);
    try {
      this.#peer = this.#createPeer();
      // Before joining: every peer gets our tracks with the first offer.
      if (stream) this.#peer.addStream(stream, { role: this.#options.role });
      await this.#peer.join(this.#options.channel);
    } catch (failure) {
      await this.#end(explain(failure));
    }
  }

  /** Leaves the channel, disconnects and releases the camera. May be called at any time, and again. */
  async stop(): Promise<void> {
    await this.#end(null);
  }

  async #end(error: string | null): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#stream) closeCapture(this.#stream);
    this.#stream = null;
    // Closing the peer is what makes us leave: without it the others would keep seeing us until the page is gone.
    await this.#peer?.close(error ?? "left");
    this.#listener.onEnded(error);
  }

  #createPeer(): MeteredPeer {
    const peer = new MeteredPeer({ url: this.#options.url, apiKey: this.#options.apiKey });
    let fatal: string | null = null;
    peer.on("state-change", ({ to }: StateChangeEvent) => this.#listener.onState(to, peer.peerId));
    peer.on("peer-joined", ({ peer: remote }: PeerJoinedEvent) => this.#follow(remote));
    peer.on("peer-left", ({ peer: remote }: PeerLeftEvent) => this.#listener.onPeerLeft(remote.id));
    peer.on("error", ({ err }: ErrorEvent) => {
      fatal = explain(err);
      this.#listener.onNotice(fatal);
    });
    // A `left` that `stop()` did not cause: the server ended it, or reconnecting was given up.
    peer.on("left", ({ reason }: LeftEvent) => void this.#end(fatal ?? reason ?? "The connection was lost."));
    return peer;
  }

  #follow(remote: RemotePeer): void {
    this.#listener.onPeerJoined(remote.id);
    remote.on("state-change", ({ to }) => this.#listener.onPeerState(remote.id, to));
    remote.on("stream-added", ({ stream, metadata }) =>
      this.#listener.onStreamAdded(remote.id, stream, metadata?.role),
    );
    remote.on("stream-removed", ({ stream }) => this.#listener.onStreamRemoved(remote.id, stream));
    remote.on("negotiation-error", ({ err }) => {
      // Others are transient: two offers crossed, and one of them is repeated.
      if (err.name === "IceRestartExhaustedError") {
        this.#listener.onNotice("The connection to one participant failed and could not be restored.");
      }
    });
  }
}

function explain(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  const code = failure instanceof SignallingConnectError ? failure.closeCode : failure.name;
  switch (code) {
    case "invalid_token":
    case WsCloseCode.InvalidToken:
      return "The server does not accept this key.";
    case "channel_not_authorized":
    case "channel_reserved":
    case WsCloseCode.ChannelNotAuthorized:
      return "This key may not join that channel.";
    case "action_not_permitted":
      return "This key may not send to others, which a call needs.";
    case WsCloseCode.OverConcurrentLimit:
      return "The server is full.";
    case "account_suspended":
    case WsCloseCode.AccountSuspended:
      return "This account is suspended.";
    case "admin_disconnect":
      return "An administrator ended your visit.";
    default:
      return failure instanceof SignallingConnectError ? "The server could not be reached." : failure.message;
  }
}
