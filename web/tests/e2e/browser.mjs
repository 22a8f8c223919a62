import { mkdirSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { Tab } from "./tab.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

const KINDS = {
  // A camera with a moving picture and a microphone that beeps, both allowed without asking; host addresses are told
  // as they are, with or without that permission.
  camera: [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
  ],
  // The machine's own devices, which a test machine lacks. To a page that may not use a camera Chromium tells mDNS
  // names instead of addresses.
  bare: [],
};

/** The browsers of a run, started when first needed, and the tabs of the scenario that is running. */
export class Browsers {
  #executable;
  #screenshots;
  #browsers = new Map();
  #tabs = [];

  constructor(executable, screenshots) {
    this.#executable = executable;
    this.#screenshots = screenshots;
    if (screenshots) mkdirSync(screenshots, { recursive: true });
  }

  /** Opens a tab on the page; `kind` is a key of KINDS, `query` what follows the `?`. */
  async open(kind, url, query) {
    const browser = await this.#browser(kind);
    const page = await browser.newPage({ viewport: { width: 1280, height: 620 } });
    const tab = new Tab(page);
    this.#tabs.push(tab);
    await tab.open(`${url.replace(/^ws/, "http")}/?${new URLSearchParams(query)}`);
    return tab;
  }

  async screenshot(tab, name) {
    if (!this.#screenshots) return;
    await tab.page.screenshot({ path: path.join(this.#screenshots, `${name.replace(/\W+/g, "-")}.png`) });
  }

  /** What the open tabs show, for a failure's report. */
  async describe(name) {
    const lines = [];
    for (const [index, tab] of this.#tabs.entries()) {
      lines.push(`tab ${index + 1}: ${JSON.stringify(await tab.describe())}`);
      await this.screenshot(tab, `failed ${name} ${index + 1}`);
    }
    return lines;
  }

  async closePages() {
    for (const tab of this.#tabs.splice(0)) await tab.page.close();
  }

  async close() {
    for (const browser of this.#browsers.values()) await browser.close();
  }

  async #browser(kind) {
    let browser = this.#browsers.get(kind);
    if (!browser) {
      browser = await chromium.launch({ executablePath: this.#executable, args: [...FLAGS, ...KINDS[kind]] });
      this.#browsers.set(kind, browser);
    }
    return browser;
  }
}
