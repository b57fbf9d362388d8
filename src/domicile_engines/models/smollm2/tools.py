"""Tool calls. The model cannot make them by itself: it is shown the functions, asked which one, and held to its schema."""

from dataclasses import dataclass
from typing import Literal

from domicile_engines.models.smollm2.request import ChatRequest, FunctionDefinition, FunctionName, ToolChoice
from domicile_engines.runtime.errors import invalid, unsupported
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
        return next(function for function in self.functions if function.name == name)

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


def calling_of(request: ChatRequest) -> Calling | None:
    """Read both generations of the API; None when the answer is to be plain text."""
    if request.functions is not None:
        if request.tools:
            raise invalid("'functions' cannot be combined with 'tools'.", "functions")
        return _legacy(request, request.functions)
    if request.function_call is not None:
        raise invalid("'function_call' needs 'functions'.", "function_call")
    if not request.tools:
        if request.tool_choice not in (None, "none"):
            raise invalid("'tool_choice' needs 'tools'.", "tool_choice")
        return None
    definitions = [_definition(request, index) for index in range(len(request.tools))]
    functions = _functions(definitions, "tools[{}].function")
    choice = request.tool_choice or "auto"
    calls_max = 1 if request.parallel_tool_calls is False else PARALLEL_CALLS_MAX
    if isinstance(choice, ToolChoice):
        chosen = _named(functions, _name_of(choice), "tool_choice")
        return Calling((chosen,), "required", 1, legacy=False)
    if choice == "none":
        return None
    if choice == "required":
        return Calling(functions, "required", calls_max, legacy=False)
    if choice == "auto":
        return Calling(functions, "auto", calls_max, legacy=False)
    raise invalid("'tool_choice' is 'none', 'auto', 'required' or a function.", "tool_choice")


def _legacy(request: ChatRequest, definitions: list[FunctionDefinition]) -> Calling | None:
    if request.tool_choice is not None:
        raise invalid("'tool_choice' needs 'tools'.", "tool_choice")
    functions = _functions(definitions, "functions[{}]")
    choice = request.function_call or "auto"
    if isinstance(choice, FunctionName):
        return Calling((_named(functions, choice.name, "function_call"),), "required", 1, legacy=True)
    if choice == "none":
        return None
    if choice == "auto":
        return Calling(functions, "auto", 1, legacy=True)
    raise invalid("'function_call' is 'none', 'auto' or a function.", "function_call")


def _definition(request: ChatRequest, index: int) -> FunctionDefinition:
    tool = (request.tools or [])[index]
    if tool.type != "function":
        raise unsupported(f"tools[{index}].type", "This engine serves function tools only.")
    if tool.function is None:
        param = f"tools[{index}].function"
        raise invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    return tool.function


def _functions(definitions: list[FunctionDefinition], place: str) -> tuple[Function, ...]:
    functions: list[Function] = []
    for index, definition in enumerate(definitions):
        if definition.name in (function.name for function in functions):
            raise invalid("Two functions have the same name.", place.format(index) + ".name")
        parameters = definition.parameters or {"type": "object", "properties": {}, "additionalProperties": False}
        param = place.format(index) + ".parameters"
        schema = prepare(parameters, param, strict=bool(definition.strict), of_arguments=True)
        functions.append(Function(definition.name, definition.description or "", schema))
    return tuple(functions)


def _name_of(choice: ToolChoice) -> str:
    if choice.type != "function":
        raise unsupported("tool_choice.type", "This engine serves function tools only.")
    if choice.function is None:
        param = "tool_choice.function"
        raise invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    return choice.function.name


def _named(functions: tuple[Function, ...], name: str, param: str) -> Function:
    for function in functions:
        if function.name == name:
            return function
    raise invalid("The chosen function is not among those given.", param)
