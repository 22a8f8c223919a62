import type { CaptureKinds } from "./capture";

/** What the page starts with: its address first, then the build's `.env`, then what fits a local server. */
export interface Settings {
  url: string;
  key: string;
  channel: string;
  capture: CaptureKinds;
  /** Joins without a click. */
  autojoin: boolean;
}

/**
 * Reads `?channel= &key= &url= &autojoin=1 &video=0 &audio=0` of the page's address, and `VITE_PARLOR_*` of the
 * build. An unset `url` is the host that served the page.
 */
export function readSettings(location: Location): Settings {
  const query = new URLSearchParams(location.search);
  const env = import.meta.env;
  return {
    url: query.get("url") ?? (env.VITE_PARLOR_URL || pageOrigin(location)),
    key: query.get("key") ?? env.VITE_PARLOR_KEY ?? "",
    channel: query.get("channel") ?? (env.VITE_PARLOR_CHANNEL || "lobby"),
    capture: { video: query.get("video") !== "0", audio: query.get("audio") !== "0" },
    autojoin: query.get("autojoin") === "1",
  };
}

function pageOrigin(location: Location): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}`;
}
