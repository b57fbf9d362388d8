import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";

import { toFile } from "openai";

import { client, foreignClient } from "./client.mjs";

const content = randomBytes(1024 * 1024 + 1);

test("a file from its upload to its deletion", async () => {
  const file = await client.files.create({ file: await toFile(content, "größe.jsonl"), purpose: "user_data" });
  assert.match(file.id, /^file-[0-9A-Za-z]{24}$/);
  assert.deepEqual([file.object, file.filename, file.bytes], ["file", "größe.jsonl", content.length]);
  assert.deepEqual(await client.files.retrieve(file.id), file);
  const found = [];
  for await (const each of client.files.list({ limit: 1 })) found.push(each.id);
  assert.ok(found.includes(file.id));
  const answer = await client.files.content(file.id);
  assert.match(answer.headers.get("content-disposition"), /^attachment; /);
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(content));
  assert.deepEqual(await client.files.delete(file.id), { object: "file", id: file.id, deleted: true });
  await assert.rejects(client.files.retrieve(file.id), { status: 404, code: "not_found" });
});

test("a file that expires", async () => {
  const file = await client.files.create({
    file: await toFile(Buffer.from("{}"), "a.jsonl"),
    purpose: "batch",
    expires_after: { anchor: "created_at", seconds: 3600 },
  });
  assert.equal(file.expires_at, file.created_at + 3600);
  await client.files.delete(file.id);
});

test("an upload in parts, which arrive in another order", async () => {
  const half = content.length >> 1;
  const upload = await client.uploads.create({
    filename: "a.jsonl",
    purpose: "batch",
    bytes: content.length,
    mime_type: "application/jsonl",
  });
  assert.deepEqual([upload.object, upload.status], ["upload", "pending"]);
  const [last, first] = await Promise.all(
    [content.subarray(half), content.subarray(0, half)].map(async (part) =>
      client.uploads.parts.create(upload.id, { data: await toFile(part, "part") }),
    ),
  );
  const md5 = createHash("md5").update(content).digest("hex");
  const completed = await client.uploads.complete(upload.id, { part_ids: [first.id, last.id], md5 });
  assert.equal(completed.status, "completed");
  const answer = await client.files.content(completed.file.id);
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(content));
  await client.files.delete(completed.file.id);
});

test("what is refused says why", async () => {
  const file = await toFile(Buffer.from("x"), "x");
  await assert.rejects(client.files.create({ file, purpose: "assistants" }), { status: 400, param: "purpose" });
  await assert.rejects(foreignClient.files.list(), { status: 401, code: "incorrect_hostname" });
});
