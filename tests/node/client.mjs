// The official client as a newcomer makes it: what differs between the regions is the base URL and the key.
import OpenAI from "openai";

const said = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: tests/e2e/test_node.py starts these tests`);
  return value;
};

export const baseURL = said("DOMICILE_BASE_URL");
export const foreignBaseURL = said("DOMICILE_FOREIGN_BASE_URL");

export const apiKey = said("DOMICILE_API_KEY");

export const client = new OpenAI({ apiKey, baseURL, maxRetries: 0 });
export const foreignClient = new OpenAI({ apiKey, baseURL: foreignBaseURL, maxRetries: 0 });
