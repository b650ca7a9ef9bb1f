"""What `[[probe]]`, `[[has]]` and `[[systemhas]]` report about the request."""

import json

from gateway.simulator.contents import (
    JsonObject,
    all_blocks,
    conversation_texts,
    members,
    messages_of,
    model_fields,
    nested_blocks,
    system_text,
    thinking_type,
    tool_entries,
)
from gateway.simulator.markers import without_markers
from gateway.simulator.signatures import sign


def probe(request: JsonObject, *, streamed: bool) -> str:
    return "PROBE " + json.dumps(_report(request, streamed=streamed), sort_keys=True)


def has(request: JsonObject, wanted: str) -> str:
    """Markers are taken out first: the prompt that asks always holds what it asks for."""
    texts = (system_text(request), *conversation_texts(request))
    return f"HAS {wanted} {_yes(any(wanted in without_markers(text) for text in texts))}"


def system_has(request: JsonObject, wanted: str) -> str:
    return f"SYSTEMHAS {_yes(wanted in system_text(request))}"


def _yes(found: bool) -> str:
    return "yes" if found else "no"


def _report(request: JsonObject, *, streamed: bool) -> JsonObject:
    results = members(all_blocks(request), "toolResult")
    reasoning = members(members(all_blocks(request), "reasoningContent"), "reasoningText")
    points = [*members(request.get("system") or [], "cachePoint"), *members(tool_entries(request), "cachePoint")]
    return {
        "images": len(members(nested_blocks(request), "image")),
        "documents": len(members(nested_blocks(request), "document")),
        "tool_uses": len(members(all_blocks(request), "toolUse")),
        "tool_results": len(results),
        "tool_errors": sum(result.get("status") == "error" for result in results),
        "reasoning": len(reasoning),
        "reasoning_bad": sum(text.get("signature") != sign(text["text"]) for text in reasoning),
        "redacted": len(members(members(all_blocks(request), "reasoningContent"), "redactedContent")),
        "cache_points": len(points) + len(members(all_blocks(request), "cachePoint")),
        "system_chars": sum(len(text) for text in members(request.get("system") or [], "text")),
        "tools": len([entry for entry in tool_entries(request) if not entry.get("cachePoint")]),
        "messages": len(messages_of(request)),
        "stream": streamed,
        **_settings(request),
    }


def _settings(request: JsonObject) -> JsonObject:
    inference = request.get("inferenceConfig") or {}
    choice = (request.get("toolConfig") or {}).get("toolChoice") or {}
    return {
        "thinking": thinking_type(request),
        "max_tokens": inference.get("maxTokens"),
        "temperature": inference.get("temperature"),
        "top_p": inference.get("topP"),
        "top_k": model_fields(request).get("top_k"),
        "stop_sequences": inference.get("stopSequences") or [],
        "tool_choice": next(iter(choice), None),
    }
