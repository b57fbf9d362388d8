import assert from "node:assert/strict";
import { test } from "node:test";

import { toFile } from "openai";

import { client } from "./client.mjs";

const text = "Bring the blue folder.";
let spoken;

test("a text becomes sound", async () => {
  const answer = await client.audio.speech.create({ model: "tts-1", voice: "onyx", input: text, response_format: "mp3" });
  assert.equal(answer.headers.get("content-type"), "audio/mpeg");
  spoken = Buffer.from(await answer.arrayBuffer());
  assert.ok(spoken.length > 5000);
});

test("sound becomes a text", async () => {
  const heard = await client.audio.transcriptions.create({
    model: "whisper-1",
    file: await toFile(spoken, "spoken.mp3"),
    response_format: "verbose_json",
    timestamp_granularities: ["word", "segment"],
  });
  assert.match(heard.text, /blue folder/i);
  assert.ok(heard.words.length >= 4);
  assert.equal(heard.segments.length > 0, true);
});

test("sound becomes a text while it is written down", async () => {
  const file = await toFile(spoken, "spoken.mp3");
  const types = [];
  for await (const event of await client.audio.transcriptions.create({ model: "whisper-1", file, stream: true })) {
    types.push(event.type);
  }
  assert.equal(types.at(0), "transcript.text.delta");
  assert.equal(types.at(-1), "transcript.text.done");
});

test("what is said is translated", async () => {
  const heard = await client.audio.translations.create({ model: "whisper-1", file: await toFile(spoken, "spoken.mp3") });
  assert.match(heard.text, /blue folder/i);
});

test("a text file is no recording", async () => {
  const file = await toFile(Buffer.from("This is a text.\n".repeat(50)), "recording.mp3");
  await assert.rejects(client.audio.translations.create({ model: "whisper-1", file }), {
    status: 400,
    code: "invalid_file",
    param: "file",
  });
});
