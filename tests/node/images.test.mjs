import assert from "node:assert/strict";
import { test } from "node:test";

import { client } from "./client.mjs";

const model = "dall-e-3";
const png = [0x89, 0x50, 0x4e, 0x47];

test("an image by its bytes", async () => {
  const answer = await client.images.generate({ model, prompt: "a cat", response_format: "b64_json" });
  const [image] = answer.data;
  assert.deepEqual([...Buffer.from(image.b64_json, "base64").subarray(0, 4)], png);
  assert.match(image.revised_prompt, /^Drawn by procedural-sketch/);
});

test("an image by a link, which needs no key", async () => {
  const answer = await client.images.generate({ model, prompt: "a cat" });
  const found = await fetch(answer.data[0].url);
  assert.equal(found.status, 200);
  assert.equal(found.headers.get("content-type"), "image/png");
  assert.deepEqual([...new Uint8Array(await found.arrayBuffer()).subarray(0, 4)], png);
});

test("what only other models have is refused by name", async () => {
  await assert.rejects(client.images.generate({ model, prompt: "a cat", background: "transparent" }), {
    status: 400,
    code: "unsupported_parameter",
    param: "background",
  });
});
