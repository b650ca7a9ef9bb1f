"""Bytes to `MessagesRequest`: refuses what is wrong with the JSON path, names what it does not know.

The message of a refusal begins with the path, as Anthropic's do (`messages.0.content.1.text: ...`).
"""

import re
from typing import Any, Final

import msgspec

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.json_limits import decode
from gateway.protocol.messages import MessagesRequest
from gateway.protocol.unknown_fields import unknown_fields
from gateway.protocol.wording import shown

MAX_REASON_CHARACTERS: Final = 200
_MISSING_FIELD: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_INVALID_TAG: Final = re.compile(r"Invalid value (.*)", re.DOTALL)


def parse(body: bytes) -> tuple[MessagesRequest, tuple[str, ...]]:
    """The request, and the names of the fields in it that nobody here knows: they are dropped.

    Raises `InvalidRequest`, and nothing else.
    """
    request, unknown = parse_count(body)
    if request.max_tokens is None:
        raise InvalidRequest("max_tokens: Field required")
    return request, unknown


def parse_count(body: bytes) -> tuple[MessagesRequest, tuple[str, ...]]:
    """The same for a body that may come without `max_tokens`, as those of count_tokens do."""
    parsed = decode(body)
    if not isinstance(parsed, dict):
        raise InvalidRequest("The request body must be a JSON object")
    parsed = _with_tool_types(parsed)
    try:
        request = msgspec.convert(parsed, MessagesRequest, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_refusal(str(error))) from None
    return request, unknown_fields(parsed, request)


def _with_tool_types(parsed: dict[str, Any]) -> dict[str, Any]:
    """Custom tools usually carry no `type`; the tagged union wants one."""
    tools = parsed.get("tools")
    if not isinstance(tools, list):
        return parsed
    return {**parsed, "tools": [_with_type(tool, f"tools.{index}") for index, tool in enumerate(tools)]}


def _with_type(tool: Any, path: str) -> Any:
    if not isinstance(tool, dict):
        return tool
    tool_type = tool.get("type")
    if tool_type is None:
        return {**tool, "type": "custom"}
    if isinstance(tool_type, str) and tool_type != "custom":
        name = shown(str(tool.get("name", "")))
        raise InvalidRequest(
            f"{path}.type: the tool {name} is of type {shown(tool_type)}, which Amazon Bedrock does not have. "
            "Leave it out, or define a tool of your own with an input_schema."
        )
    return tool


def _refusal(reason: str) -> str:
    """msgspec's sentence, "REASON - at `$.a[0].b`", as "a.0.b: REASON"."""
    # The path stands last; a caller's own words, which may look like one, before it.
    reason, _, location = reason.rpartition(" - at `$") if " - at `$" in reason else (reason, "", "")
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", location.removesuffix("`")).strip(".")
    missing = _MISSING_FIELD.fullmatch(reason)
    if missing is not None:
        return f"{path}.{missing[1]}: Field required".removeprefix(".")
    invalid_tag = _INVALID_TAG.fullmatch(reason)
    if invalid_tag is not None:
        value = invalid_tag[1][1:-1]
        return f"{path}: {shown(value)} is not supported by this gateway"
    return f"{path}: {reason[:MAX_REASON_CHARACTERS]}"
