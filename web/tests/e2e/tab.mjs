import { until } from "./until.mjs";

/** One tab on the page, read through what `src/main.ts` documents and through WebRTC's own statistics. */
export class Tab {
  page;
  #errors = [];

  constructor(page) {
    this.page = page;
    page.on("pageerror", (error) => this.#errors.push(error.message));
  }

  async open(address) {
    await this.page.addInitScript(keepConnections);
    await this.page.goto(address);
  }

  async status() {
    const status = await this.page.$eval("#status", (it) => ({ ...it.dataset }));
    return { state: status.state, peerId: status.peerId, peers: Number(status.peers) };
  }

  async problem() {
    return this.page.$eval("#problem", (it) => (it.hidden ? null : it.textContent));
  }

  async tiles() {
    return this.page.$$eval(".tile", (tiles) =>
      tiles.map((it) => ({ ...it.dataset, videos: it.querySelectorAll("video").length })),
    );
  }

  async join() {
    await this.page.click("#join");
  }

  async leave() {
    await this.page.click("#leave");
    await this.reaches("idle");
  }

  /** Waits for the state and returns the status; fails early when the page says why it never will. */
  async reaches(state) {
    const status = await until(`state ${state}`, async () => ({ ...(await this.status()), problem: await this.problem() }),
      (it) => it.state === state || (it.state === "idle" && it.problem));
    if (status.state !== state) throw new Error(`the page says: ${status.problem}`);
    return status;
  }

  async connectedTo(peerId) {
    const isThere = (tiles) => tiles.some((it) => it.peer === peerId && it.state === "connected");
    await until(`a connected tile of ${peerId}`, () => this.tiles(), isThere);
  }

  /** Waits until this many frames were decoded and, unless told otherwise, sound was heard. Returns the figures. */
  async receives({ frames, audio = true }) {
    const enough = (media) => media.framesDecoded >= frames && (!audio || media.audioEnergy > 0);
    return until(`${frames} decoded frames${audio ? " and sound" : ""}`, () => this.media(), enough);
  }

  /** What all connections of the page have received so far. */
  async media() {
    return this.page.evaluate(inboundMedia);
  }

  async localDescriptions() {
    return this.page.evaluate(() => window.e2eConnections.map((it) => it.localDescription?.sdp ?? ""));
  }

  /** Fails when the page's script threw anything. */
  assertClean() {
    if (this.#errors.length > 0) throw new Error(`uncaught in the page: ${this.#errors.join("; ")}`);
  }

  async describe() {
    return {
      ...(await this.status()),
      problem: await this.problem(),
      tiles: await this.tiles(),
      media: await this.media(),
      errors: this.#errors,
    };
  }
}

// The two functions below run in the page.

function keepConnections() {
  window.e2eConnections = [];
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, args) {
      const connection = Reflect.construct(target, args);
      window.e2eConnections.push(connection);
      return connection;
    },
  });
}

async function inboundMedia() {
  const media = { framesDecoded: 0, audioEnergy: 0, audioSeconds: 0 };
  for (const connection of window.e2eConnections) {
    const stats = await connection.getStats();
    for (const stat of stats.values()) {
      if (stat.type !== "inbound-rtp") continue;
      const codec = stats.get(stat.codecId)?.mimeType;
      if (stat.kind === "video") {
        media.framesDecoded += stat.framesDecoded ?? 0;
        media.size = stat.frameWidth && `${stat.frameWidth}x${stat.frameHeight}`;
        media.videoCodec = codec;
      } else {
        media.audioEnergy += stat.totalAudioEnergy ?? 0;
        media.audioSeconds += stat.totalSamplesDuration ?? 0;
        media.audioCodec = codec;
      }
    }
  }
  return media;
}
