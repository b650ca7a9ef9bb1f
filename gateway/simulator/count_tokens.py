"""CountTokens: for base ids of some Claudes only, from a Converse or an Invoke request, as strict as the real one."""

import asyncio
from typing import Any, Final

import orjson

from gateway.simulator.caching import prompt_characters
from gateway.simulator.check_tools import COMPUTER_TOOLS, OPEN_TOOLS
from gateway.simulator.checks import check_body, check_prompt
from gateway.simulator.connection import until_connection_lost
from gateway.simulator.contents import JsonObject
from gateway.simulator.markers import Marker
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import Refusal, invalid, not_permitted
from gateway.simulator.request_shapes import COUNT_TOKENS
from gateway.simulator.script import Script, ScriptCounters, find_script
from gateway.simulator.shapes import decode_base64
from gateway.simulator.tokens import IMAGE_CHARACTERS, document_source_characters, input_tokens, json_characters

NOT_COUNTABLE: Final = "The provided model doesn't support counting tokens."
INVOKE_FIELDS: Final = frozenset(
    {
        "anthropic_beta", "anthropic_version", "max_tokens", "messages", "metadata", "output_config", "stop_sequences",
        "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
    }
)  # fmt: skip
REQUIRED_FIELDS: Final = ("anthropic_version", "max_tokens", "messages")
CUSTOM_TOOL_FIELDS: Final = frozenset({"type", "name", "description", "input_schema", "cache_control", "strict"})


async def count_tokens(body: Any, model: ServedModel, counters: ScriptCounters) -> JsonObject:
    """Raises `Refusal`; the `count` markers of the conversation come before everything but its form."""
    counted = check_body(COUNT_TOKENS, body)["input"]
    converse = counted.get("converse")
    scripted = await _play(find_script(converse) if converse else None, counters)
    if model.is_profile or not model.capabilities.counts_tokens:
        raise invalid(NOT_COUNTABLE)
    if converse is not None:
        check_prompt(converse, model)
        characters = prompt_characters(converse)
    else:
        characters = _invoke_characters(_invoke_body(counted["invokeModel"]["body"]))
    return {"inputTokens": input_tokens(characters) if scripted is None else scripted}


async def _play(script: Script | None, counters: ScriptCounters) -> int | None:
    """All `count` markers in their order, whatever turn they stand in; the number one of them sets."""
    number: int | None = None
    for position, marker in enumerate(script.markers if script else ()):
        if script is None or marker.name != "count":
            continue
        verb, _, rest = marker.argument.partition(" ")
        match verb:
            case "delay":
                await asyncio.sleep(Marker("count", rest).seconds())
            case "hang":
                await until_connection_lost()
            case "error":
                raise Marker("count", rest).exception()
            case "throttle":
                whole = Script(script.markers, script.markers, 0)
                if counters.is_among_first(Marker("count", rest).integer(), whole, position):
                    raise Refusal("ThrottlingException")
            case _:
                number = marker.integer()
    return number


def _invoke_body(encoded: str) -> JsonObject:
    try:
        body = orjson.loads(decode_base64(encoded) or b"")
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise invalid("Malformed input request, please reformat your input and try again.")
    for name in REQUIRED_FIELDS:
        if body.get(name) is None:
            raise invalid(f"{name}: Field required")
    for name in body:
        if name not in INVOKE_FIELDS:
            raise not_permitted(name)
    if not isinstance(body["messages"], list) or not all(isinstance(message, dict) for message in body["messages"]):
        raise invalid("messages: Input should be a valid list")
    tools, betas = (body.get(name) or [] for name in ("tools", "anthropic_beta"))
    if not isinstance(tools, list) or not isinstance(betas, list):
        raise invalid("tools: Input should be a valid list")
    for index, tool in enumerate(tools):
        _check_invoke_tool(tool, index, betas)
    return body


def _check_invoke_tool(tool: Any, index: int, betas: list[Any]) -> None:
    kind = str(tool.get("type", "custom")) if isinstance(tool, dict) else ""
    if kind == "custom":
        for name in tool:
            if name not in CUSTOM_TOOL_FIELDS:
                raise not_permitted(f"tools.{index}.custom.{name}")
        return
    taken = sorted({"custom", *OPEN_TOOLS, *(tag for tag, beta in COMPUTER_TOOLS.items() if beta in betas)})
    if kind not in taken:
        tags = ", ".join(f"'{tag}'" for tag in taken)
        # As recorded: here the model's words come without the usual beginning.
        raise invalid(
            f"tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        )


def _invoke_characters(body: JsonObject) -> int:
    messages = sum(_content_characters(message.get("content")) for message in body["messages"])
    tools = sum(json_characters(tool) for tool in body.get("tools") or [])
    return messages + _content_characters(body.get("system")) + tools


def _content_characters(content: Any) -> int:
    """Of Anthropic's blocks, by the same measures as Converse's."""
    match content:
        case str():
            return len(content)
        case list():
            return sum(_content_characters(block) for block in content)
        case {"type": "text", "text": str(text)} | {"type": "thinking", "thinking": str(text)}:
            return len(text)
        case {"type": "image"}:
            return IMAGE_CHARACTERS
        case {"type": "tool_use", "name": str(name), "input": arguments}:
            return len(name) + json_characters(arguments)
        case {"type": "tool_result"}:
            return _content_characters(content.get("content"))
        case {"type": "document", "source": {"type": "base64", "data": str(encoded)}}:
            return document_source_characters({"bytes": encoded})
        case None:
            return 0
        case _:
            return json_characters(content)
