"""pydantic-ai: agents that answer, call a tool and answer with its result, fill in a document; and embeddings."""

from typing import Any, Literal

import pytest
from pydantic_ai import Agent, Embedder, ModelSettings, NativeOutput, RunContext, ToolOutput
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.messages import ModelMessage, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.e2e.clients.conversation import (
    CHAT_MODEL,
    EMBEDDING_MODEL,
    ENOUGH_TOKENS,
    FEW_TOKENS,
    QUESTION,
    RESULT,
    Place,
)
from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey


@pytest.fixture
def provider(up: RunningUp, eu_key: IssuedKey) -> OpenAIProvider:
    return OpenAIProvider(base_url=up.region_url("eu"), api_key=eu_key.secret)


@pytest.fixture
def chat(provider: OpenAIProvider) -> OpenAIChatModel:
    return OpenAIChatModel(CHAT_MODEL, provider=provider)


def first_call_then_answer(context: RunContext[None]) -> ModelSettings:
    """The first step of a run calls the tool, the second answers with its result."""
    return ModelSettings(max_tokens=ENOUGH_TOKENS, tool_choice="required" if context.run_step == 1 else "none")


def weather_agent(chat: OpenAIChatModel) -> Agent[None, str]:
    agent = Agent(chat, model_settings=first_call_then_answer)

    @agent.tool_plain
    def get_weather(city: Literal["Paris", "Madrid"]) -> str:
        """The weather of a city."""
        assert city in {"Paris", "Madrid"}
        return RESULT

    return agent


def parts(messages: list[ModelMessage]) -> list[type[Any]]:
    return [type(part) for message in messages for part in message.parts]


async def test_an_answer_whole_and_streamed_and_a_second_turn(chat: OpenAIChatModel) -> None:
    agent = Agent(chat, model_settings=ModelSettings(max_tokens=FEW_TOKENS))
    first = await agent.run(QUESTION)
    assert first.output
    async with agent.run_stream(QUESTION, message_history=first.all_messages()) as second:
        text = "".join([piece async for piece in second.stream_text(delta=True)])
    assert text
    assert second.usage.output_tokens > 0


async def test_a_tool_is_called_and_its_result_answered_whole_and_streamed(chat: OpenAIChatModel) -> None:
    agent = weather_agent(chat)
    whole = await agent.run(QUESTION)
    async with agent.run_stream(QUESTION) as streamed:
        assert await streamed.get_output()
    for messages in (whole.all_messages(), streamed.all_messages()):
        assert parts(messages) == [UserPromptPart, ToolCallPart, ToolReturnPart, TextPart]


@pytest.mark.parametrize("way", [NativeOutput, ToolOutput])
async def test_a_document_is_filled_in_and_its_history_taken_up(chat: OpenAIChatModel, way: Any) -> None:
    settings = ModelSettings(max_tokens=ENOUGH_TOKENS)
    filled_in: Any = await Agent(chat, output_type=way(Place), model_settings=settings).run(QUESTION)
    assert isinstance(filled_in.output, Place)
    again = await Agent(chat, model_settings=settings).run(QUESTION, message_history=filled_in.all_messages())
    assert again.output


async def test_a_streamed_document(chat: OpenAIChatModel) -> None:
    agent: Any = Agent(chat, output_type=Place, model_settings=ModelSettings(max_tokens=ENOUGH_TOKENS))
    async with agent.run_stream(QUESTION) as run:
        assert isinstance(await run.get_output(), Place)


async def test_embeddings(provider: OpenAIProvider) -> None:
    embedder = Embedder(OpenAIEmbeddingModel(EMBEDDING_MODEL, provider=provider))
    first, second = (await embedder.embed_documents([QUESTION, RESULT])).embeddings
    assert len(first) == len(second)
