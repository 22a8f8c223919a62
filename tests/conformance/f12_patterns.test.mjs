import assert from "node:assert/strict";
import { test } from "node:test";
import { Raw } from "./support/raw.mjs";
import { startServer } from "./support/server.mjs";

// [pattern, names that it opens, names that it does not]
const TABLE = [
  ["demo", ["demo"], ["Demo", "demo/", "dem"]],
  ["room/*", ["room/1", "room/"], ["room", "room/1/2", "Room/1"]],
  ["room/**", ["room/1", "room/1/2"], ["room", "rooms/1"]],
  ["*", ["a", "é"], ["a/b"]],
  ["**", ["a", "a/b"], []],
  ["*/chat", ["a/chat"], ["a/b/chat", "chat"]],
  [String.raw`a\*`, ["a*"], ["ab", "a"]],
  [String.raw`a\\b`, [String.raw`a\b`], ["ab"]],
  // 256 bytes of UTF-8 are the longest name.
  ["é*", [`é${"é".repeat(127)}`], []],
];

test("f12 channel patterns open what the table says", async (t) => {
  const keys = TABLE.map(([pattern], number) => `[[keys]]\nid = "pk_row_${number}"\nchannels = ['${pattern}']\n`);
  const server = await startServer(t, { config: keys.join("") });
  for (const [number, [pattern, open, shut]] of TABLE.entries()) {
    const client = await Raw.connect(server.url, `?key=pk_row_${number}`);
    const subscribe = (channel) => client.request({ type: "subscribe", channel });
    for (const channel of open) assert.equal((await subscribe(channel)).name, "ack", `${pattern} opens ${channel}`);
    for (const channel of shut) {
      assert.equal((await subscribe(channel)).code, "channel_not_authorized", `${pattern} does not open ${channel}`);
    }
    const tooLong = `é${"é".repeat(127)}x`;
    assert.equal((await subscribe(tooLong)).code, "invalid_channel", "257 bytes");
    await client.close();
  }
});
