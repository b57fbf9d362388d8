"""LangChain by `langchain-openai`: chat, streams, tools with their results, documents and embeddings."""

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from tests.e2e.clients.conversation import (
    CHAT_MODEL,
    EMBEDDING_MODEL,
    ENOUGH_TOKENS,
    FEW_TOKENS,
    QUESTION,
    RESULT,
    WEATHER_TOOL,
    GetWeather,
    Place,
)
from tests.e2e.conftest import RunningUp
from tests.platform.installation import IssuedKey

USER = HumanMessage(QUESTION)


@pytest.fixture(autouse=True)
def no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """LangChain sends traces to its maker where the environment asks for them."""
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "false")


@pytest.fixture
def chat(up: RunningUp, eu_key: IssuedKey) -> ChatOpenAI:
    return ChatOpenAI(
        model=CHAT_MODEL,
        base_url=up.region_url("eu"),
        api_key=SecretStr(eu_key.secret),
        max_completion_tokens=ENOUGH_TOKENS,
        max_retries=0,
        include_response_headers=True,
    )


def test_an_answer_whole_streamed_and_asynchronous(chat: ChatOpenAI) -> None:
    short = chat.bind(max_tokens=FEW_TOKENS)
    answer = short.invoke([USER])
    assert answer.content
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] > 0
    assert "".join(str(chunk.content) for chunk in short.stream([USER]))

    async def asynchronous() -> BaseMessage:
        return await short.ainvoke([USER])

    assert asyncio.run(asynchronous()).content


def whole(model: Any) -> AIMessage:
    answer = model.invoke([USER])
    assert isinstance(answer, AIMessage)
    return answer


def added_up(model: Any) -> AIMessage:
    first, *others = model.stream([USER])
    answer = first
    for chunk in others:
        answer += chunk
    assert isinstance(answer, AIMessageChunk)
    return answer


@pytest.mark.parametrize("made", [whole, added_up])
@pytest.mark.parametrize("strict", [True, None])
def test_a_call_of_a_tool_is_sent_back_and_answered(chat: ChatOpenAI, made: Any, strict: bool | None) -> None:
    message = made(chat.bind_tools([WEATHER_TOOL], tool_choice="required", strict=strict))
    (call,) = message.tool_calls
    GetWeather.model_validate(call["args"])
    # With a `name`, as LangChain's own tools and agents answer.
    result = ToolMessage(RESULT, tool_call_id=call["id"], name=call["name"])
    answer = chat.bind_tools([WEATHER_TOOL], tool_choice="none").invoke([USER, message, result])
    assert answer.content
    assert "domicile-ignored" not in answer.response_metadata["headers"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_document_is_filled_in_and_sent_back(chat: ChatOpenAI, method: Any) -> None:
    outcome: Any = chat.with_structured_output(Place, method=method, include_raw=True).invoke([USER])
    assert isinstance(outcome["parsed"], Place)
    history: list[BaseMessage] = [USER, outcome["raw"]]
    history += [ToolMessage(RESULT, tool_call_id=call["id"]) for call in outcome["raw"].tool_calls]
    answer = chat.bind(max_tokens=FEW_TOKENS).invoke([*history, USER])
    assert answer.content


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings", "ignore:Cannot currently include response headers")
def test_a_streamed_document(chat: ChatOpenAI) -> None:
    *_, last = chat.with_structured_output(Place).stream([USER])
    assert isinstance(last, Place)


def test_embeddings(up: RunningUp, eu_key: IssuedKey) -> None:
    # With the check, LangChain counts tokens by a vocabulary that it fetches from a foreign host.
    embeddings = OpenAIEmbeddings(
        model=EMBEDDING_MODEL,
        base_url=up.region_url("eu"),
        api_key=SecretStr(eu_key.secret),
        check_embedding_ctx_length=False,
        max_retries=0,
    )
    first, second = embeddings.embed_documents([QUESTION, RESULT])
    assert len(first) == len(second)
    assert embeddings.embed_query(QUESTION) == pytest.approx(first, abs=1e-5)
