"""null is the same as absence, for every member of every request that may be absent (decision 0021)."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct, inspect

from domicile.data_plane.policy.endpoint_rules import SERVED
from domicile.kernel.errors import DomicileError
from domicile.openai_api.chat import ChatCompletionRequest, encode_for_engine
from domicile.openai_api.chat_messages import AssistantMessage
from domicile.openai_api.closed import Closed, ModelRequest
from domicile.web.bodies.dropped_members import DroppedMembers
from domicile.web.bodies.tolerant_json import decode_dropping
from tests.unit.openai_api.test_specification import REQUEST, subclasses

NOTHING_DROPPED = DroppedMembers(())
TEXTS = {"^[a-z]": "en", "^[0-9]": "1", "^[a-zA-Z0-9_-]": "f"}


def example(kind: inspect.Type) -> Any:  # noqa: PLR0911 - one for each kind
    """Some value of the type, with what it must have and no more."""
    match kind:
        case inspect.StructType():
            needed = {field.encode_name: example(field.type) for field in kind.fields if field.required}
            return needed | ({kind.tag_field: kind.tag} if kind.tag_field else {})
        case inspect.UnionType():
            return example(next(each for each in kind.types if not isinstance(each, inspect.NoneType)))
        case inspect.ListType():
            return [example(kind.item_type)]
        case inspect.DictType():
            return {}
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.StrType():
            return next((text for start, text in TEXTS.items() if (kind.pattern or "").startswith(start)), "x")
        case inspect.BytesType():
            return "YQ=="
        case inspect.BoolType():
            return True
        case inspect.IntType() | inspect.FloatType():
            return 1
    raise AssertionError(f"no example of a {kind}")


def optional_members() -> Iterator[tuple[type[Struct], str]]:
    for type_ in REQUEST:
        for field in msgspec.structs.fields(type_):
            if not field.required:
                yield type_, field.encode_name


OPTIONAL = list(optional_members())


def read(type_: Any, value: Any) -> Any:
    return decode_dropping(msgspec.json.encode(value), type_, NOTHING_DROPPED).value


@pytest.mark.parametrize(("type_", "member"), OPTIONAL, ids=lambda value: getattr(value, "__name__", value))
def test_null_for_a_member_is_its_absence(type_: type[Struct], member: str) -> None:
    absent = example(inspect.type_info(type_))
    absent.pop(member, None)
    null = read(type_, {**absent, member: None})
    if (type_, member) == (AssistantMessage, "content"):
        # The one exception: engines' templates may look for it.
        assert msgspec.json.decode(msgspec.json.encode(null)) == {"role": "assistant", "content": None}
        return
    assert null == read(type_, absent)
    assert msgspec.json.encode(null) == msgspec.json.encode(read(type_, absent))


def test_the_walk_meets_every_kind_of_object() -> None:
    assert {type_ for type_, _ in OPTIONAL} <= subclasses(Closed)
    assert len(OPTIONAL) > 120
    assert {request for request, _ in SERVED.values()} <= {type_ for type_, _ in OPTIONAL}


@pytest.mark.parametrize("request_type", [request for request, _ in SERVED.values()], ids=lambda type_: type_.__name__)
def test_all_of_them_at_once(request_type: type[ModelRequest]) -> None:
    absent = example(inspect.type_info(request_type))
    fields = msgspec.structs.fields(request_type)
    nulls = {field.encode_name: None for field in fields if not field.required}
    assert read(request_type, {**nulls, **absent}) == read(request_type, absent)


@pytest.mark.parametrize(
    "message",
    [
        {
            "role": "user",
            "content": "x",
            "tool_calls": None,
            "tool_call_id": None,
            "function_call": None,
            "audio": None,
        },
        {"role": "user", "content": [{"type": "text", "text": "x", "image_url": None, "input_audio": None}]},
        {"role": "system", "content": "x", "refusal": None, "annotations": None},
        {"role": "assistant", "content": "x", "tool_call_id": None},
    ],
)
def test_null_for_a_member_of_another_kind_of_message_is_absence(message: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [message]}
    sent = msgspec.json.decode(encode_for_engine(read(ChatCompletionRequest, body), model="m"))["messages"][0]
    assert None not in sent.values()
    assert sent.keys() == {"role", "content"}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"made_up": None}, "made_up"),
        ({"messages": [{"role": "user", "content": "x", "made_up": None}]}, "messages[0].made_up"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [None]}, "messages[0]"),
        ({"messages": None}, "messages"),
        ({"model": None}, "model"),
        ({"stop": [None]}, "stop[0]"),
        ({"tools": [{"type": "function", "function": None}]}, "tools[0].function"),
        ({"metadata": {"k": None}}, "metadata[]"),
    ],
)
def test_every_other_null_is_an_error(members: dict[str, Any], param: str) -> None:
    with pytest.raises(DomicileError) as caught:
        read(ChatCompletionRequest, {"model": "m", "messages": [{"role": "user", "content": "x"}], **members})
    assert caught.value.param == param


def test_what_is_free_keeps_its_nulls() -> None:
    schema = {"type": "object", "properties": {"a": {"default": None, "enum": ["x", None]}}}
    function = {"name": "f", "description": None, "parameters": schema}
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function", "function": function}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "description": None, "schema": schema}},
    }
    sent = msgspec.json.decode(encode_for_engine(read(ChatCompletionRequest, body), model="m"))
    assert sent["tools"] == [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    assert sent["response_format"]["json_schema"] == {"name": "x", "schema": schema}
