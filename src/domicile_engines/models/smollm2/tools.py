"""Tool calls. The model reads a list of functions and picks one; a grammar enforces the schema of its arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_tools import (
    FunctionDefinition,
    FunctionTool,
    FunctionToolChoice,
    LegacyFunction,
    NamedTool,
)
from domicile_engines.runtime.llama.schema import Schema, prepare

# A bound, because a small model does not know when to stop calling.
PARALLEL_CALLS_MAX = 4


@dataclass(frozen=True)
class Function:
    """A function that the model may call, and the schema of its arguments."""

    name: str
    description: str
    arguments: Schema

    @property
    def parameters(self) -> list[str]:
        """The names of the function's arguments."""
        return list(self.arguments.enforced.get("properties", {}))


@dataclass(frozen=True)
class Calling:
    """The functions that the model may or must call in this answer."""

    functions: tuple[Function, ...]
    mode: Literal["auto", "required"]
    calls_max: int
    legacy: bool

    @property
    def names(self) -> list[str]:
        """The names of the functions."""
        return [function.name for function in self.functions]

    def function(self, name: str) -> Function:
        """The function with this name."""
        return _named(self.functions, name)

    @property
    def no_function(self) -> str:
        """The option by which the model calls no function. Never the name of a function."""
        return "answer" if "answer" not in self.names else "answer_in_words"

    def instructions(self) -> str:
        """The part of the system message that describes the functions.

        It lists signatures, without schemas. A grammar enforces the schema, and the model chose better from a short list
        (docs/embedded-models.md).
        """
        lines = [f"- {f.name}({', '.join(f.parameters)}): {f.description}" for f in self.functions]
        if self.mode == "auto":
            lines.append(f"- {self.no_function}: Answer in plain words, for everything else")
        return "\n\nFunctions:\n" + "\n".join(lines)


def calling_of(request: ChatCompletionRequest) -> Calling | None:
    """Read `tools` or the deprecated `functions` of a checked request. None if the answer must be text.

    Raises a 400 for a schema that cannot be enforced.
    """
    if request.functions:
        return _legacy(request, request.functions)
    if not request.tools or request.tool_choice == "none":
        return None
    definitions = [tool.function for tool in request.tools if isinstance(tool, FunctionTool)]
    functions = _functions(definitions, "tools[{}].function")
    choice = request.tool_choice
    if isinstance(choice, FunctionToolChoice):
        return Calling((_named(functions, choice.function.name),), "required", 1, legacy=False)
    calls_max = 1 if request.parallel_tool_calls is False else PARALLEL_CALLS_MAX
    return Calling(functions, "required" if choice == "required" else "auto", calls_max, legacy=False)


def _legacy(request: ChatCompletionRequest, definitions: Sequence[LegacyFunction]) -> Calling | None:
    choice = request.function_call
    if choice == "none":
        return None
    functions = _functions(definitions, "functions[{}]")
    if isinstance(choice, NamedTool):
        return Calling((_named(functions, choice.name),), "required", 1, legacy=True)
    return Calling(functions, "auto", 1, legacy=True)


def _functions(definitions: Sequence[FunctionDefinition | LegacyFunction], place: str) -> tuple[Function, ...]:
    functions: list[Function] = []
    for index, definition in enumerate(definitions):
        parameters = definition.parameters or {"type": "object", "properties": {}, "additionalProperties": False}
        param = place.format(index) + ".parameters"
        strict = isinstance(definition, FunctionDefinition) and bool(definition.strict)
        schema = prepare(parameters, param, strict=strict, of_arguments=True)
        functions.append(Function(definition.name, definition.description or "", schema))
    return tuple(functions)


def _named(functions: Sequence[Function], name: str) -> Function:
    return next(function for function in functions if function.name == name)
