"""Tools, the choice among them, and the shape of the answer: the members of a chat request that may hold a JSON schema."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from domicile.openai_api.closed import Closed

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}\Z")]
Schema = dict[str, Any]


class FunctionDefinition(Closed, frozen=True):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class FunctionTool(Closed, frozen=True, tag_field="type", tag="function"):
    """A tool that takes JSON."""

    function: FunctionDefinition


class TextFormat(Closed, frozen=True, tag_field="type", tag="text"):
    """Free text."""


class Grammar(Closed, frozen=True):
    """A grammar that a custom tool's input obeys."""

    definition: str
    syntax: Literal["lark", "regex"]


class GrammarFormat(Closed, frozen=True, tag_field="type", tag="grammar"):
    """Text of a grammar."""

    grammar: Grammar


class CustomDefinition(Closed, frozen=True):
    """A tool that takes text."""

    name: Name
    description: str | None = None
    format: TextFormat | GrammarFormat | None = None


class CustomTool(Closed, frozen=True, tag_field="type", tag="custom"):
    """A tool that takes text."""

    custom: CustomDefinition


Tool = FunctionTool | CustomTool


class NamedTool(Closed, frozen=True):
    """A tool by its name."""

    name: Name


class FunctionToolChoice(Closed, frozen=True, tag_field="type", tag="function"):
    """This function must be called."""

    function: NamedTool


class CustomToolChoice(Closed, frozen=True, tag_field="type", tag="custom"):
    """This custom tool must be called."""

    custom: NamedTool


class AllowedTools(Closed, frozen=True):
    """Some of the tools. The specification lets any object stand here; only a tool's name has a meaning."""

    mode: Literal["auto", "required"]
    tools: list[FunctionToolChoice | CustomToolChoice]


class AllowedToolsChoice(Closed, frozen=True, tag_field="type", tag="allowed_tools"):
    """Only some of the tools may be called."""

    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | FunctionToolChoice | CustomToolChoice | AllowedToolsChoice


class LegacyFunction(Closed, frozen=True):
    """A function in the form before tools."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None


FunctionCall = Literal["none", "auto"] | NamedTool


class TextResponse(Closed, frozen=True, tag_field="type", tag="text"):
    """The answer is text."""


class JsonObjectResponse(Closed, frozen=True, tag_field="type", tag="json_object"):
    """The answer is some JSON object."""


class JsonSchema(Closed, frozen=True):
    """A schema with its name."""

    name: Name
    description: str | None = None
    schema: Schema | None = None
    strict: bool | None = None


class JsonSchemaResponse(Closed, frozen=True, tag_field="type", tag="json_schema"):
    """The answer is JSON of this schema: Structured Outputs (contract C28)."""

    json_schema: JsonSchema


ResponseFormat = TextResponse | JsonObjectResponse | JsonSchemaResponse
