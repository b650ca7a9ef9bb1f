"""`output_config.format`: an answer that is JSON of the caller's schema.

Where the model has it on Bedrock it is Converse's `outputConfig.textFormat`. The schema goes as it came: Anthropic's
own API asks the same of it (`additionalProperties: false`, no numeric bounds), and Bedrock says so in the same words.
Elsewhere the schema is the input of a tool that the model must call, and the reply's translation turns the input back
into text; where nothing can be forced, the system prompt asks for it, and nothing enforces it.
"""

from typing import Any, Final

import orjson

from gateway.protocol.converse import ConverseRequest, OutputConfig
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.messages import MessagesRequest, OutputFormat, ThinkingDisabled
from gateway.protocol.scope import Scope
from gateway.protocol.tools import Tools

FORMAT_TOOL: Final = "answer"
TOOL_DESCRIPTION: Final = "Gives the answer to the user. Its input is the whole answer, in the form that is wanted."
PROMPT: Final = (
    "Answer with one JSON value that is valid against the JSON schema below, and with nothing else: no words around it "
    "and no Markdown.\n{}"
)
# A tool's input is an object, and Claude refuses these at the top of a tool's schema.
NOT_IN_TOOLS: Final = ("anyOf", "oneOf", "allOf")


def wanted_format(request: MessagesRequest) -> OutputFormat | None:
    """From either of the two places. Raises `InvalidRequest` when they contradict each other."""
    newer = request.output_config.format if request.output_config is not None else None
    if newer is not None and request.output_format is not None and newer != request.output_format:
        raise InvalidRequest("output_format: differs from output_config.format; send one of them")
    return newer or request.output_format


def add_output_format(converse: ConverseRequest, request: MessagesRequest, tools: Tools, scope: Scope) -> str | None:
    """The name of the tool whose input is the answer's text, if it is done with one."""
    wanted = wanted_format(request)
    if wanted is None:
        return None
    path = "output_format" if request.output_format is not None else "output_config.format"
    if scope.model.capabilities.native_format == "yes":
        converse["outputConfig"] = _text_format(wanted.schema)
        return None
    if _can_be_forced(wanted.schema, request, tools, scope):
        scope.note("output_config.format/by_tool", path)
        _add_tool(converse, wanted.schema, scope)
        return FORMAT_TOOL
    scope.note("output_config.format/by_prompt", path)
    converse["system"] = [*converse.get("system", []), {"text": PROMPT.format(_encoded(wanted.schema))}]
    return None


def _text_format(schema: dict[str, Any]) -> OutputConfig:
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": _encoded(schema)}}}}


def _encoded(schema: dict[str, Any]) -> str:
    """In the order of the caller, so that the same schema is the same bytes on every turn."""
    try:
        return orjson.dumps(schema).decode()
    except TypeError as error:
        raise InvalidRequest(f"output_config.format.schema: cannot be written as JSON: {error}") from None


def _can_be_forced(schema: dict[str, Any], request: MessagesRequest, tools: Tools, scope: Scope) -> bool:
    """No other tool in play, nothing that Claude refuses beside a forced choice, and a schema that a tool can have."""
    capabilities = scope.model.capabilities
    if tools.config is not None or not (capabilities.tools and capabilities.tools_in_streams):
        return False
    thinks = scope.model.is_claude and not isinstance(request.thinking, ThinkingDisabled | None)
    forced = {"any", "tool"} & set(capabilities.tool_choices)
    return bool(forced) and not thinks and schema.get("type") == "object" and not any(x in schema for x in NOT_IN_TOOLS)


def _add_tool(converse: ConverseRequest, schema: dict[str, Any], scope: Scope) -> None:
    can_name = "tool" in scope.model.capabilities.tool_choices
    converse["toolConfig"] = {
        "tools": [
            {"toolSpec": {"name": FORMAT_TOOL, "description": TOOL_DESCRIPTION, "inputSchema": {"json": schema}}}
        ],
        "toolChoice": {"tool": {"name": FORMAT_TOOL}} if can_name else {"any": {}},
    }
