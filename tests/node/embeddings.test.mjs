import assert from "node:assert/strict";
import { test } from "node:test";

import { client } from "./client.mjs";

const model = "text-embedding-3-small";

// The client asks for base64 by itself and hands out numbers.
test("embeddings of several texts", async () => {
  const answer = await client.embeddings.create({ model, input: ["The cat sleeps.", "A cat is asleep."] });
  assert.equal(answer.data.length, 2);
  assert.equal(answer.model, model);
  assert.ok(answer.usage.prompt_tokens > 0);
  const [one, other] = answer.data.map((each) => each.embedding);
  const cosine = one.reduce((sum, value, index) => sum + value * other[index], 0);
  assert.ok(cosine > 0.7, `${cosine}`);
});

test("embeddings as numbers, and shorter ones", async () => {
  const ask = { model, input: "Hello there.", dimensions: 64 };
  const [packed, plain] = await Promise.all([
    client.embeddings.create(ask),
    client.embeddings.create({ ...ask, encoding_format: "float" }),
  ]);
  assert.equal(plain.data[0].embedding.length, 64);
  assert.deepEqual(packed.data[0].embedding, plain.data[0].embedding);
});
