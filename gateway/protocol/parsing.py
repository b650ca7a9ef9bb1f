"""Bytes to `MessagesRequest`: refuses what is wrong with the JSON path, names what it does not know.

The message of a refusal begins with the path, as Anthropic's do (`messages.0.content.1.text: ...`).
"""

import re
from typing import Any, Final, get_args

import msgspec

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.features import FEATURES
from gateway.protocol.json_limits import decode
from gateway.protocol.messages import MessagesRequest, Tool
from gateway.protocol.presence import Presence, find_features
from gateway.protocol.wording import shown

MAX_REASON_CHARACTERS: Final = 200
FOREIGN_TOOL: Final = (
    "Amazon Bedrock does not have it. Leave it out, or define a tool of your own with an input_schema."
)
# The kinds of tools that have a Struct.
TOOL_TYPES: Final = frozenset(member.__struct_config__.tag for member in get_args(Tool))
_MISSING_FIELD: Final = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_INVALID_TAG: Final = re.compile(r"Invalid value (.*)", re.DOTALL)


def parse(body: bytes) -> tuple[MessagesRequest, Presence]:
    """The request, and which features of the table it has; and fields that nobody here knows.

    Raises `InvalidRequest`, and nothing else.
    """
    request, presence = parse_count(body)
    if request.max_tokens is None:
        raise InvalidRequest("max_tokens: Field required")
    return request, presence


def parse_count(body: bytes) -> tuple[MessagesRequest, Presence]:
    """The same for a body that may come without `max_tokens`, as those of count_tokens do."""
    parsed = decode(body)
    if not isinstance(parsed, dict):
        raise InvalidRequest("The request body must be a JSON object")
    parsed = _with_tool_types(parsed)
    try:
        request = msgspec.convert(parsed, MessagesRequest, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_refusal(str(error))) from None
    return request, find_features(parsed, request)


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
    if isinstance(tool_type, str) and tool_type not in TOOL_TYPES:
        name = shown(str(tool.get("name", "")))
        raise InvalidRequest(f"{path}.type: the tool {name} is of type {shown(tool_type)}. {_tool_reason(tool_type)}")
    return tool


def _tool_reason(tool_type: str) -> str:
    row = FEATURES.get(f"tools.{tool_type}")
    return row.reason if row is not None and row.fate == "refused" else FOREIGN_TOOL


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
        return f"{path}: {_kind_reason(path, invalid_tag[1][1:-1])}"
    return f"{path}: {reason[:MAX_REASON_CHARACTERS]}"


def _kind_reason(path: str, kind: str) -> str:
    """Why a kind of block, source or choice that no Struct has is refused."""
    place = path.removesuffix(".type").rpartition(".")[2]
    rows = (FEATURES.get(name) for name in (f"content.{kind}", f"content.image.{place}.{kind}", f"{place}.{kind}"))
    row = next((row for row in rows if row is not None and row.fate == "refused"), None)
    return f"{shown(kind)} is not supported by this gateway" if row is None else f"{shown(kind)}: {row.reason}"
