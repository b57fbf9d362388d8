// The Vercel AI SDK with the provider for compatible servers and with OpenAI's own in its chat mode.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, isStepCount, Output, streamText, tool } from "ai";

import { apiKey, baseURL } from "../client.mjs";
import {
  embeddingModel, enoughTokens, fewTokens, model, place, question, result, weatherInput,
} from "./conversation.mjs";

const compatible = createOpenAICompatible({
  name: "domicile",
  baseURL,
  apiKey,
  supportsStructuredOutputs: true,
  includeUsage: true,
});
const openai = createOpenAI({ baseURL, apiKey });
const providers = {
  compatible: [compatible.chatModel(model), compatible.embeddingModel(embeddingModel)],
  openai: [openai.chat(model), openai.embedding(embeddingModel)],
};
const weather = tool({ description: "The weather of a city", inputSchema: weatherInput, execute: () => result });

for (const [name, [chat, embedding]] of Object.entries(providers)) {
  const ask = { model: chat, prompt: question, maxRetries: 0 };
  const short = { ...ask, maxOutputTokens: fewTokens };
  // The first step must call the tool, the second must answer with its result.
  const twoSteps = {
    ...ask,
    maxOutputTokens: enoughTokens,
    tools: { weather },
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "none" }),
    stopWhen: isStepCount(2),
  };
  const document = { ...ask, maxOutputTokens: enoughTokens, output: Output.object({ schema: place }) };

  test(`vercel ${name}, text whole and streamed`, async () => {
    assert.ok((await generateText(short)).text);
    const streamed = streamText(short);
    let text = "";
    for await (const piece of streamed.textStream) text += piece;
    assert.equal(await streamed.text, text);
    assert.ok(text);
    assert.ok((await streamed.usage).outputTokens > 0);
  });

  test(`vercel ${name}, a tool is called and its result answered, whole and streamed`, async () => {
    const whole = await generateText(twoSteps);
    const streamed = streamText(twoSteps);
    await streamed.consumeStream();
    for (const [steps, text] of [[whole.steps, whole.text], [await streamed.steps, await streamed.text]]) {
      assert.equal(steps.length, 2);
      assert.equal(steps[0].toolResults[0].output, result);
      assert.ok(text);
    }
  });

  test(`vercel ${name}, a document whole and streamed`, async () => {
    place.parse((await generateText(document)).output);
    const streamed = streamText(document);
    await streamed.consumeStream();
    place.parse(await streamed.output);
  });

  test(`vercel ${name}, embeddings`, async () => {
    const { embeddings } = await embedMany({ model: embedding, values: [question, result], maxRetries: 0 });
    assert.deepEqual(embeddings.map((each) => each.length), [embeddings[0].length, embeddings[0].length]);
  });
}
