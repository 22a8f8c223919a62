import type { PeerConnectionState } from "@metered-ca/realtime";

const STATE_TEXT: Record<PeerConnectionState, string> = {
  idle: "Waiting for media",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  closed: "Left",
};

/**
 * The grid of participants. A tile is `article.tile[data-peer][data-state]` with one `video` for each stream;
 * our own has `data-peer="local"`.
 */
export class Tiles {
  readonly #grid: HTMLElement;
  readonly #tiles = new Map<string, Tile>();

  constructor(grid: HTMLElement) {
    this.#grid = grid;
  }

  /** How many others are in the channel. */
  get remoteCount(): number {
    return this.#tiles.has("local") ? this.#tiles.size - 1 : this.#tiles.size;
  }

  showLocal(stream: MediaStream): void {
    const tile = this.#open("local", "You");
    tile.addStream(stream, true);
    tile.setState("connected", "Preview");
  }

  addPeer(peerId: string): void {
    this.#open(peerId, `Guest ${peerId.slice(0, 4)}`).setState("idle", STATE_TEXT.idle);
  }

  setPeerState(peerId: string, state: PeerConnectionState): void {
    this.#tiles.get(peerId)?.setState(state, STATE_TEXT[state]);
  }

  addStream(peerId: string, stream: MediaStream, role: string | undefined): void {
    const tile = this.#tiles.get(peerId);
    tile?.addStream(stream, false);
    if (role) tile?.setRole(role);
  }

  removeStream(peerId: string, stream: MediaStream): void {
    this.#tiles.get(peerId)?.removeStream(stream);
  }

  remove(peerId: string): void {
    this.#tiles.get(peerId)?.close();
    this.#tiles.delete(peerId);
  }

  clear(): void {
    for (const peerId of [...this.#tiles.keys()]) this.remove(peerId);
  }

  #open(peerId: string, name: string): Tile {
    this.remove(peerId);
    const tile = new Tile(peerId, name);
    this.#tiles.set(peerId, tile);
    this.#grid.append(tile.element);
    return tile;
  }
}

class Tile {
  readonly element = document.createElement("article");
  readonly #role = document.createElement("span");
  readonly #state = document.createElement("span");
  readonly #videos = new Map<string, HTMLVideoElement>();

  constructor(peerId: string, name: string) {
    this.element.className = "tile";
    this.element.dataset["peer"] = peerId;
    const caption = document.createElement("footer");
    const title = document.createElement("strong");
    title.textContent = name;
    this.#role.className = "role";
    this.#state.className = "state";
    caption.append(title, this.#role, this.#state);
    this.element.append(caption);
  }

  setState(state: PeerConnectionState, text: string): void {
    this.element.dataset["state"] = state;
    this.#state.textContent = text;
  }

  setRole(role: string): void {
    this.element.dataset["role"] = role;
    this.#role.textContent = role;
  }

  addStream(stream: MediaStream, local: boolean): void {
    // A rebuilt connection brings new stream objects and never says that the old ones are gone.
    for (const shown of this.#streams()) {
      if (shown.getTracks().every((track) => track.readyState === "ended")) this.removeStream(shown);
    }
    const video = document.createElement("video");
    video.autoplay = true;
    video.playsInline = true;
    // Our own voice must not come back out of our loudspeaker.
    video.muted = local;
    video.classList.toggle("mirrored", local);
    video.srcObject = stream;
    this.#videos.get(stream.id)?.remove();
    this.#videos.set(stream.id, video);
    this.element.prepend(video);
  }

  removeStream(stream: MediaStream): void {
    const video = this.#videos.get(stream.id);
    if (!video) return;
    video.srcObject = null;
    video.remove();
    this.#videos.delete(stream.id);
  }

  close(): void {
    for (const stream of this.#streams()) this.removeStream(stream);
    this.element.remove();
  }

  #streams(): MediaStream[] {
    return [...this.#videos.values()].map((video) => video.srcObject).filter((it) => it instanceof MediaStream);
  }
}
