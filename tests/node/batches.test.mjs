import assert from "node:assert/strict";
import { test } from "node:test";

import { toFile } from "openai";

import { client, foreignClient } from "./client.mjs";

const line = (id, members = {}) =>
  JSON.stringify({
    custom_id: id,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "gpt-4o-mini-2024-07-18", messages: [{ role: "user", content: "Say yes." }], max_tokens: 2 },
    ...members,
  });

const create = async (text, members = {}) => {
  const file = await client.files.create({ file: await toFile(Buffer.from(text), "in.jsonl"), purpose: "batch" });
  return client.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    ...members,
  });
};

const ended = async (id) => {
  for (;;) {
    const batch = await client.batches.retrieve(id);
    if (["completed", "failed", "expired", "cancelled"].includes(batch.status)) return batch;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};

test("a batch from its creation to its results", async () => {
  const made = await create([line("a"), line("b")].join("\r\n"), { metadata: { night: "first" } });
  assert.deepEqual([made.object, made.status, made.metadata], ["batch", "validating", { night: "first" }]);
  const batch = await ended(made.id);
  assert.deepEqual(batch.request_counts, { total: 2, completed: 2, failed: 0 });
  const output = await (await client.files.content(batch.output_file_id)).text();
  assert.deepEqual(
    output.trim().split("\n").map((each) => JSON.parse(each).custom_id),
    ["a", "b"],
  );
});

test("a broken input names its lines", async () => {
  const batch = await ended((await create([line("a"), line("a"), "{"].join("\n"))).id);
  assert.equal(batch.status, "failed");
  assert.deepEqual(
    batch.errors.data.map((each) => [each.line, each.code]),
    [
      [2, "duplicate_custom_id"],
      [3, "invalid_json_line"],
    ],
  );
});

test("what is refused says why", async () => {
  await assert.rejects(create(line("a"), { completion_window: "1h" }), { status: 400, param: "completion_window" });
  await assert.rejects(create(line("a"), { input_file_id: "file-x" }), { status: 404, param: "input_file_id" });
  await assert.rejects(foreignClient.batches.list(), { status: 401, code: "incorrect_hostname" });
});
