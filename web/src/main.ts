import "./style.css";
import { RoomSession } from "./room-session";
import type { RoomListener } from "./room-session";
import { readSettings } from "./settings";
import { Tiles } from "./tiles";

/*
 * The page's state can be read from the document, by tests as by style sheets:
 *   #status[data-state]    idle, starting, joining, joined, reconnecting, leaving or closed
 *   #status[data-peer-id]  our own id, while there is one
 *   #status[data-peers]    how many others are in the channel
 *   #problem               what went wrong; hidden when nothing did
 *   .tile                  see tiles.ts
 */

const settings = readSettings(window.location);
const form = element("join-form", HTMLFormElement);
const channelInput = element("channel", HTMLInputElement);
const keyInput = element("key", HTMLInputElement);
const joinButton = element("join", HTMLButtonElement);
const leaveButton = element("leave", HTMLButtonElement);
const status = element("status", HTMLElement);
const problem = element("problem", HTMLElement);
const tiles = new Tiles(element("tiles", HTMLElement));

let session: RoomSession | null = null;

const listener: RoomListener = {
  onState: (state, peerId) => showState(state, peerId),
  onLocalStream: (stream) => tiles.showLocal(stream),
  onPeerJoined: (peerId) => {
    tiles.addPeer(peerId);
    showPeers();
  },
  onPeerState: (peerId, state) => tiles.setPeerState(peerId, state),
  onPeerLeft: (peerId) => {
    tiles.remove(peerId);
    showPeers();
  },
  onStreamAdded: (peerId, stream, role) => tiles.addStream(peerId, stream, role),
  onStreamRemoved: (peerId, stream) => tiles.removeStream(peerId, stream),
  onNotice: showProblem,
  onEnded: (error) => {
    session = null;
    tiles.clear();
    showPeers();
    showState("idle", null);
    if (error) showProblem(error);
  },
};

function join(): void {
  if (session) return;
  showProblem(null);
  showState("starting", null);
  session = new RoomSession(
    {
      url: settings.url,
      apiKey: keyInput.value.trim(),
      channel: channelInput.value.trim(),
      capture: settings.capture,
      role: "camera",
    },
    listener,
  );
  void session.start();
}

function leave(): void {
  leaveButton.disabled = true;
  void session?.stop();
}

const STATE_TEXT: Record<string, string> = {
  idle: "Not in a call",
  starting: "Opening camera and microphone",
  joining: "Joining",
  joined: "In the call",
  reconnecting: "Reconnecting",
  leaving: "Leaving",
  closed: "Not in a call",
};

function showState(state: string, peerId: string | null): void {
  status.dataset["state"] = state;
  if (peerId) status.dataset["peerId"] = peerId;
  else delete status.dataset["peerId"];
  element("state-text", HTMLElement).textContent = STATE_TEXT[state] ?? state;
  const inCall = session !== null || state === "starting";
  joinButton.hidden = inCall;
  leaveButton.hidden = !inCall;
  leaveButton.disabled = state === "leaving";
  channelInput.disabled = inCall;
  keyInput.disabled = inCall;
}

function showPeers(): void {
  const others = tiles.remoteCount;
  status.dataset["peers"] = String(others);
  element("peers-text", HTMLElement).textContent =
    others === 0 ? "nobody else here" : others === 1 ? "1 other here" : `${others} others here`;
}

function showProblem(text: string | null): void {
  problem.hidden = text === null;
  problem.textContent = text ?? "";
}

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

channelInput.value = settings.channel;
keyInput.value = settings.key;
// Asked for only where neither the address nor the build names one.
element("key-field", HTMLElement).hidden = settings.key !== "";
showState("idle", null);
showPeers();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  join();
});
leaveButton.addEventListener("click", leave);
// A closed tab is gone at once for the others, not after the server's patience with a silent connection.
window.addEventListener("pagehide", leave);
if (settings.autojoin) join();
