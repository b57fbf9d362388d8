import assert from "node:assert/strict";
import { test } from "node:test";

import { client } from "./client.mjs";

const model = "gpt-3.5-turbo-instruct";

test("completions, whole", async () => {
  const answer = await client.completions.create({ model, prompt: ["The sky is", "Grass is"], max_tokens: 4 });
  assert.equal(answer.object, "text_completion");
  assert.equal(answer.model, model);
  assert.deepEqual(answer.choices.map((each) => each.index), [0, 1]);
  assert.ok(answer.usage.completion_tokens > 0);
});

test("completions, streamed", async () => {
  const stream = await client.completions.create({ model, prompt: "The sky is", max_tokens: 4, stream: true });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
  assert.ok(text);
});
