import assert from "node:assert/strict";
import { test } from "node:test";

import { AuthenticationError, BadRequestError } from "openai";

import { baseURL, client, foreignClient } from "./client.mjs";

const model = "gpt-4o-mini-2024-07-18";
const messages = [{ role: "user", content: "Say hello." }];

test("models", async () => {
  const found = [];
  for await (const each of client.models.list()) found.push(each.id);
  assert.ok(found.includes(model));
  assert.equal((await client.models.retrieve(model)).object, "model");
});

test("chat, whole", async () => {
  const { data: answer, response } = await client.chat.completions
    .create({ model, messages, max_completion_tokens: 8 })
    .withResponse();
  assert.equal(answer.model, model);
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  assert.ok(response.headers.get("x-request-id"));
  assert.equal(response.headers.get("domicile-engine"), "smollm2-135m-instruct");
});

test("chat, streamed", async () => {
  const stream = await client.chat.completions.create({
    model,
    messages,
    max_completion_tokens: 8,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.ok(text);
  assert.ok(usage.completion_tokens > 0);
});

test("chat, by the helper that gathers a stream", async () => {
  const runner = client.chat.completions.stream({ model, messages, max_completion_tokens: 8 });
  const deltas = [];
  runner.on("content", (delta) => deltas.push(delta));
  assert.equal(await runner.finalContent(), deltas.join(""));
});

test("chat, a second turn with whatever the helpers hand out", async () => {
  const asked = { model, messages, max_completion_tokens: 4 };
  // These helpers throw at the length limit, which a sampled answer reaches now and then.
  const whole = { ...asked, max_completion_tokens: 256, temperature: 0 };
  const answers = [
    (await client.chat.completions.create(asked)).choices[0].message,
    (await client.chat.completions.parse(whole)).choices[0].message,
    await client.chat.completions.stream(whole).finalMessage(),
  ];
  for (const answer of answers) {
    const history = [...messages, answer, { role: "user", content: "And now?" }];
    const again = await client.chat.completions.create({ ...asked, messages: history });
    assert.equal(again.choices[0].message.role, "assistant");
  }
});

test("chat, structured", async () => {
  const schema = {
    type: "object",
    properties: { country: { type: "string", enum: ["France", "Spain"] } },
    required: ["country"],
    additionalProperties: false,
  };
  const answer = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: "In which country is Paris?" }],
    response_format: { type: "json_schema", json_schema: { name: "place", schema, strict: true } },
  });
  assert.ok(["France", "Spain"].includes(JSON.parse(answer.choices[0].message.content).country));
});

test("a wrong parameter is told by its name", async () => {
  await assert.rejects(client.chat.completions.create({ model, messages, temperature: 3 }), (error) => {
    assert.ok(error instanceof BadRequestError);
    assert.equal(error.param, "temperature");
    return true;
  });
});

test("the other region names the one to use", async () => {
  await assert.rejects(foreignClient.chat.completions.create({ model, messages }), (error) => {
    assert.ok(error instanceof AuthenticationError);
    assert.equal(error.code, "incorrect_hostname");
    assert.ok(error.message.endsWith(new URL(baseURL).host), error.message);
    return true;
  });
});
