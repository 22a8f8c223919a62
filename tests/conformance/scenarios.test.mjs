import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { enginePeer } from "./support/engine.mjs";
import { startServerWithTokens } from "./support/keys.mjs";
import { Scenario } from "./support/scenario.mjs";

const FOLDER = new URL("../../spec/scenarios/api/", import.meta.url);

for (const file of readdirSync(FOLDER).sort()) {
  const story = JSON.parse(readFileSync(new URL(file, FOLDER)));
  test(`scenario ${file.replace(/\.json$/, "")}: ${story.title}`, async (t) => {
    const server = await startServerWithTokens(t, { channels: ["room", "room/*"] });
    const scenario = new Scenario(story);
    for (const [role, { credential = "token" }] of Object.entries(story.peers)) {
      const credentials = {
        token: { token: server.token({ sub: role }) },
        "on-demand": { token: () => server.token({ sub: role }) },
        "unknown-key": { key: "pk_live_nobody" },
        "no-token": { token: () => null },
      };
      scenario.addPeer(role, await enginePeer(t, role, { url: server.url, ...credentials[credential] }));
    }
    await scenario.play();
  });
}
