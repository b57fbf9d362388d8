"""What every client of the matrix asks. The model is small: the tests look at shapes and at second turns, never at wording."""

from typing import Any, Literal

from pydantic import BaseModel

CHAT_MODEL = "gpt-4o-mini-2024-07-18"
EMBEDDING_MODEL = "text-embedding-3-small"
QUESTION = "What is the weather in Paris?"
RESULT = "Sunny, 21 degrees."
# Short answers keep the matrix quick; a tool call or a document of the schema below needs fewer than 64 tokens.
FEW_TOKENS = 8
ENOUGH_TOKENS = 64


class Place(BaseModel):
    """A document that the model fills in: closed values, so that every answer is valid."""

    city: Literal["Paris", "Madrid"]
    country: Literal["France", "Spain"]


class GetWeather(BaseModel):
    """The weather of a city."""

    city: Literal["Paris", "Madrid"]


WEATHER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Madrid"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
