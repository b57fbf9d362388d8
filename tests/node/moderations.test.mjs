import assert from "node:assert/strict";
import { test } from "node:test";

import { client } from "./client.mjs";

const threat = "I will find you and break your legs.";

test("a moderation by the model that is the default", async () => {
  const answer = await client.moderations.create({ input: [{ type: "text", text: threat }] });
  assert.equal(answer.model, "omni-moderation-latest");
  const [result] = answer.results;
  assert.equal(result.flagged, true);
  assert.equal(result.categories["harassment/threatening"], true);
  assert.ok(result.category_scores["harassment/threatening"] >= 0.5);
  assert.deepEqual(result.category_applied_input_types.violence, ["text"]);
});

test("moderations of several texts by the snapshot that knows eleven categories", async () => {
  const input = [threat, "The tram leaves at nine."];
  const answer = await client.moderations.create({ model: "text-moderation-latest", input });
  assert.equal(answer.model, "text-moderation-007");
  assert.deepEqual(answer.results.map((result) => result.flagged), [true, false]);
  assert.equal(answer.results[0].categories.illicit, null);
});
