"""Reading a Converse request: where its texts, blocks and tools stand.

The request has passed the shape check (`request_shapes.py`) before anything here sees it, so members have their types;
any optional one may still be absent or null.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

# A JSON object of the caller's. `Any`, because half of it are tool inputs and JSON schemas.
JsonObject: TypeAlias = dict[str, Any]

_SYSTEM_REMINDER: Final = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.DOTALL)


def messages_of(request: JsonObject) -> list[JsonObject]:
    return request.get("messages") or []


def blocks_of(message: JsonObject) -> list[JsonObject]:
    return message.get("content") or []


def all_blocks(request: JsonObject) -> Iterator[JsonObject]:
    """The blocks of all messages; what stands inside toolResults is not among them."""
    for message in messages_of(request):
        yield from blocks_of(message)


def nested_blocks(request: JsonObject) -> Iterator[JsonObject]:
    """The blocks of all messages, each toolResult followed by the blocks inside it."""
    for block in all_blocks(request):
        yield block
        if "toolResult" in block:
            yield from block["toolResult"].get("content") or []


def members(blocks: Iterator[JsonObject] | list[JsonObject], name: str) -> list[Any]:
    """The values of the union member `name`: `members(blocks, "toolUse")`."""
    return [block[name] for block in blocks if block.get(name) is not None]


def cites(source: JsonObject) -> bool:
    """Whether a document or a search result may be cited."""
    return bool((source.get("citations") or {}).get("enabled"))


def system_text(request: JsonObject) -> str:
    return "\n".join(members(request.get("system") or [], "text"))


def conversation_texts(request: JsonObject) -> Iterator[str]:
    """Every text of the messages, also inside toolResults."""
    yield from members(nested_blocks(request), "text")


def text_of(message: JsonObject) -> str:
    return "\n".join(members(blocks_of(message), "text"))


def without_reminders(text: str) -> str:
    """Claude Code puts notes for the model into the user's message; a person did not type them."""
    return _SYSTEM_REMINDER.sub("", text).strip()


def tool_entries(request: JsonObject) -> list[JsonObject]:
    return (request.get("toolConfig") or {}).get("tools") or []


def tool_specs(request: JsonObject) -> list[JsonObject]:
    return members(tool_entries(request), "toolSpec")


def tool_results(message: JsonObject) -> list[JsonObject]:
    return members(blocks_of(message), "toolResult")


def model_fields(request: JsonObject) -> JsonObject:
    """`additionalModelRequestFields`: what goes to the model as it is."""
    fields = request.get("additionalModelRequestFields")
    return fields if isinstance(fields, dict) else {}


def native_tools(request: JsonObject) -> list[JsonObject]:
    """Claude's own tools (bash, text editor, ...), which stand among the fields for the model."""
    tools = model_fields(request).get("tools")
    return [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []


def offered_names(request: JsonObject) -> list[str]:
    """The names of all tools, in both places."""
    return [spec["name"] for spec in tool_specs(request)] + [str(tool.get("name")) for tool in native_tools(request)]


def thinking_type(request: JsonObject) -> str:
    """`off`, `enabled` or `adaptive`."""
    thinking = model_fields(request).get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    return kind if kind in ("enabled", "adaptive") else "off"


def quote_tool_results(message: JsonObject) -> str | None:
    """`TOOL RESULT<<...>>`, one line per toolResult; None when the message holds none."""
    results = tool_results(message)
    if not results:
        return None
    return "TOOL " + "\n".join(_quote(result) for result in results)


def _quote(result: JsonObject) -> str:
    word = "ERROR" if result.get("status") == "error" else "RESULT"
    parts = [
        block["text"] if block.get("text") is not None else f"<{next(iter(block), 'nothing')}>"
        for block in result.get("content") or []
    ]
    content = "\n".join(parts)
    return f"{word}<<{content}>>"
