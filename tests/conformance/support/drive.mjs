// Drives one `MeteredPeer` of the JavaScript SDK and reports what it tells. Runs in the page and in Node alike.

const REMOTE_EVENTS = [
  "state-change",
  "track",
  "stream-added",
  "stream-removed",
  "data-channel",
  "connection-reset",
  "negotiation-error",
  "ice-candidate-error",
];

/** Makes a peer; `report` gets each event as a plain object with `name` and `at` (milliseconds of this clock). */
export function drive(MeteredPeer, options, report) {
  const peer = new MeteredPeer(options);
  const objects = new Map();
  const tell = (name, details) => report({ name, at: performance.now(), ...details });
  peer.on("joined", ({ peerId, channel }) => tell("joined", { peer: peerId, channel }));
  peer.on("left", ({ reason }) => tell("left", { reason }));
  peer.on("state-change", ({ from, to }) => tell("state-change", { from, to }));
  peer.on("peer-left", ({ peer: remote }) => tell("peer-left", { peer: remote.id, object: objects.get(remote) }));
  peer.on("data", ({ senderPeerId, data, kind, senderMetadata }) =>
    tell("data", { peer: senderPeerId, data, kind, senderMetadata }),
  );
  peer.on("error", ({ err }) => tell("error", { error: err.name, message: err.message }));
  peer.on("peer-joined", ({ peer: remote }) => {
    objects.set(remote, objects.size + 1);
    const object = objects.get(remote);
    tell("peer-joined", { peer: remote.id, object, metadata: remote.metadata });
    for (const name of REMOTE_EVENTS) {
      remote.on(name, (event) =>
        tell(`remote ${name}`, {
          peer: remote.id,
          object,
          from: event.from,
          to: event.to,
          stream: event.stream?.id,
          kind: event.track?.kind,
          metadata: event.metadata,
          error: event.err?.name,
          message: event.err?.message,
        }),
      );
    }
  });
  return {
    peer,
    /** Calls a method and returns what can be told about its outcome. */
    async call(method, ...args) {
      try {
        return { value: (await peer[method](...args)) ?? null };
      } catch (error) {
        return { error: error.name, code: error.closeCode ?? error.code ?? null, message: error.message };
      }
    },
    state: () => peer.state,
    peerId: () => peer.peerId,
    /** The tracked remote peers. */
    remotes: () =>
      peer.remotePeers.map((remote) => ({ id: remote.id, state: remote.state, object: objects.get(remote) })),
  };
}
