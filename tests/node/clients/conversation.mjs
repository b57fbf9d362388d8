// What every client of the matrix asks. The model is small: the tests look at shapes and at second turns, never at wording.
import { z } from "zod";

export const model = "gpt-4o-mini-2024-07-18";
export const embeddingModel = "text-embedding-3-small";
export const question = "What is the weather in Paris?";
export const result = "Sunny, 21 degrees.";
// Short answers keep the matrix quick; a tool call or a document of the schema below needs fewer than 64 tokens.
export const fewTokens = 8;
export const enoughTokens = 64;

export const place = z.object({ city: z.enum(["Paris", "Madrid"]), country: z.enum(["France", "Spain"]) });
export const weatherInput = z.object({ city: z.enum(["Paris", "Madrid"]) });
