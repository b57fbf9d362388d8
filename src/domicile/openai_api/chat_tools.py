"""Tools, tool choice and response format: the members of a chat request that may contain a JSON schema."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from domicile.openai_api.closed import Closed

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}\Z")]
Schema = dict[str, Any]


class FunctionDefinition(Closed, frozen=True):
    """A function that the model may call. `parameters`: the JSON schema of its arguments."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class FunctionTool(Closed, frozen=True, tag_field="type", tag="function"):
    """A tool that takes JSON arguments."""

    function: FunctionDefinition


class TextFormat(Closed, frozen=True, tag_field="type", tag="text"):
    """Free text."""


class Grammar(Closed, frozen=True):
    """A grammar for a custom tool's input."""

    definition: str
    syntax: Literal["lark", "regex"]


class GrammarFormat(Closed, frozen=True, tag_field="type", tag="grammar"):
    """Text that follows a grammar."""

    grammar: Grammar


class CustomDefinition(Closed, frozen=True):
    """The definition of a tool that takes text."""

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
    """Require a call of this function."""

    function: NamedTool


class CustomToolChoice(Closed, frozen=True, tag_field="type", tag="custom"):
    """Require a call of this custom tool."""

    custom: NamedTool


class AllowedTools(Closed, frozen=True):
    """A subset of the tools. The specification allows any object as a tool; only its type and name matter."""

    mode: Literal["auto", "required"]
    tools: list[FunctionToolChoice | CustomToolChoice]


class AllowedToolsChoice(Closed, frozen=True, tag_field="type", tag="allowed_tools"):
    """Allow calls of only some tools."""

    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | FunctionToolChoice | CustomToolChoice | AllowedToolsChoice


class LegacyFunction(Closed, frozen=True):
    """A function in the deprecated form."""

    name: Name
    description: str | None = None
    parameters: Schema | None = None


FunctionCall = Literal["none", "auto"] | NamedTool


class TextResponse(Closed, frozen=True, tag_field="type", tag="text"):
    """Ask for text."""


class JsonObjectResponse(Closed, frozen=True, tag_field="type", tag="json_object"):
    """Ask for any JSON object."""


class JsonSchema(Closed, frozen=True):
    """A JSON schema with its name."""

    name: Name
    description: str | None = None
    schema: Schema | None = None
    strict: bool | None = None


class JsonSchemaResponse(Closed, frozen=True, tag_field="type", tag="json_schema"):
    """Ask for JSON of this schema: Structured Outputs (contract C28)."""

    json_schema: JsonSchema


ResponseFormat = TextResponse | JsonObjectResponse | JsonSchemaResponse
