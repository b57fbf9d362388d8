"""Tool calls. The model cannot make them by itself: it is shown the functions, asked which one, and held to its schema."""

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

# A small model that may go on calling does not know when to stop.
PARALLEL_CALLS_MAX = 4


@dataclass(frozen=True)
class Function:
    """A function that may be called, and the shape of its arguments."""

    name: str
    description: str
    arguments: Schema

    @property
    def parameters(self) -> list[str]:
        """The names of its arguments."""
        return list(self.arguments.enforced.get("properties", {}))


@dataclass(frozen=True)
class Calling:
    """How functions may be called in this answer."""

    functions: tuple[Function, ...]
    mode: Literal["auto", "required"]
    calls_max: int
    legacy: bool

    @property
    def names(self) -> list[str]:
        """The names to choose from."""
        return [function.name for function in self.functions]

    def function(self, name: str) -> Function:
        """The function that was chosen."""
        return _named(self.functions, name)

    @property
    def no_function(self) -> str:
        """How the model says that it calls none: a word that is no function's name."""
        return "answer" if "answer" not in self.names else "answer_in_words"

    def instructions(self) -> str:
        """What the system message says about the functions.

        Signatures, not schemas: the schema is enforced while the model writes, and a small model chose better from a
        short list (docs/embedded-models.md).
        """
        lines = [f"- {f.name}({', '.join(f.parameters)}): {f.description}" for f in self.functions]
        if self.mode == "auto":
            lines.append(f"- {self.no_function}: Answer in plain words, for everything else")
        return "\n\nFunctions:\n" + "\n".join(lines)


def calling_of(request: ChatCompletionRequest) -> Calling | None:
    """Read both generations of the API; None when the answer is to be plain text. The request is checked already."""
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
