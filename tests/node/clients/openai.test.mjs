import assert from "node:assert/strict";
import { test } from "node:test";

import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { ChatCompletionStream } from "openai/lib/ChatCompletionStream";

import { client } from "../client.mjs";
import { enoughTokens, fewTokens, model, place, question, result, weatherInput } from "./conversation.mjs";

const messages = [{ role: "user", content: question }];
const weather = zodFunction({ name: "get_weather", parameters: weatherInput, function: () => result });
const call = { model, messages, tools: [weather], tool_choice: "required", max_completion_tokens: enoughTokens };
const document = {
  model,
  messages,
  response_format: zodResponseFormat(place, "place"),
  max_completion_tokens: enoughTokens,
};

// Each helper that hands out a message with a call, and what the platform names of it when it comes back.
const parsedArguments = "messages[].tool_calls[].function.parsed_arguments";
const makers = {
  create: [() => client.chat.completions.create(call), null],
  parse: [() => client.chat.completions.parse(call), parsedArguments],
  stream: [() => client.chat.completions.stream(call).finalChatCompletion(), parsedArguments],
};

for (const [name, [make, ignored]] of Object.entries(makers)) {
  test(`a call from ${name} is sent back and answered`, async () => {
    const { message } = (await make()).choices[0];
    const [made] = message.tool_calls;
    assert.equal(made.function.name, "get_weather");
    weatherInput.parse(JSON.parse(made.function.arguments));
    for (const sent of [message, JSON.parse(JSON.stringify(message))]) {
      const history = [...messages, sent, { role: "tool", tool_call_id: made.id, content: result }];
      const { data: answer, response } = await client.chat.completions
        .create({ ...call, messages: history, tool_choice: "none", max_completion_tokens: fewTokens })
        .withResponse();
      assert.ok(answer.choices[0].message.content);
      assert.equal(response.headers.get("domicile-ignored"), ignored);
    }
  });
}

for (const stream of [false, true]) {
  test(`the tool runner goes round twice, ${stream ? "streamed" : "whole"}`, async () => {
    const runner = client.chat.completions.runTools({ ...call, stream }, { maxChatCompletions: 2 });
    const results = [];
    runner.on("functionToolCallResult", (each) => results.push(each));
    await runner.done();
    assert.deepEqual(results, [result, result]);
    assert.deepEqual(
      runner.messages.map((each) => each.role),
      ["user", "assistant", "tool", "assistant", "tool"],
    );
  });
}

test("a document is parsed whole and streamed, and sent back", async () => {
  const whole = await client.chat.completions.parse(document);
  const streamed = await client.chat.completions.stream(document).finalChatCompletion();
  for (const { choices } of [whole, streamed]) {
    place.parse(choices[0].message.parsed);
    const { data: answer, response } = await client.chat.completions
      .create({ model, messages: [...messages, choices[0].message, ...messages], max_completion_tokens: fewTokens })
      .withResponse();
    assert.ok(answer.choices[0].message.content);
    assert.equal(response.headers.get("domicile-ignored"), "messages[].parsed");
  }
});

test("the events of a stream add up to its message", async () => {
  const stream = client.chat.completions.stream({ ...call, stream_options: { include_usage: true } });
  const seen = { chunk: 0, arguments: "" };
  stream.on("chunk", () => (seen.chunk += 1));
  stream.on("tool_calls.function.arguments.delta", (event) => (seen.arguments += event.arguments_delta));
  const { message } = (await stream.finalChatCompletion()).choices[0];
  assert.ok(seen.chunk > 1);
  assert.equal(seen.arguments, message.tool_calls[0].function.arguments);
  assert.ok((await stream.totalUsage()).completion_tokens > 0);
});

test("a stream goes through a browser and back", async () => {
  const stream = client.chat.completions.stream(call);
  const { message } = (await ChatCompletionStream.fromReadableStream(stream.toReadableStream()).finalChatCompletion())
    .choices[0];
  assert.equal(message.tool_calls[0].function.name, "get_weather");
});

test("the raw answer", async () => {
  const response = await client.chat.completions
    .create({ model, messages, max_completion_tokens: fewTokens })
    .asResponse();
  assert.equal(response.headers.get("domicile-engine"), "smollm2-135m-instruct");
  assert.equal((await response.json()).object, "chat.completion");
});
