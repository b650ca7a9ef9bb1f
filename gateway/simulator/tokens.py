"""Tokens, estimated: a quarter of the characters. Counted everywhere from the same characters, so sums agree."""

from typing import Any, Final

import orjson

from gateway.simulator.contents import JsonObject

CHARACTERS_PER_TOKEN: Final = 4
# A picture of about 1,200,000 pixels; Claude counts one token for 750.
IMAGE_CHARACTERS: Final = 1_600 * CHARACTERS_PER_TOKEN
# Base64 writes three bytes as four characters.
BASE64_CHARACTERS: Final = 4
BASE64_BYTES: Final = 3


def input_tokens(characters: int) -> int:
    return max(1, characters // CHARACTERS_PER_TOKEN)


def output_tokens(characters: int) -> int:
    return max(1, -(-characters // CHARACTERS_PER_TOKEN))


def block_characters(block: JsonObject) -> int:
    """A block of `messages`, `system` or `tools`. A cachePoint counts nothing."""
    match block:
        case {"text": str(text)}:
            return len(text)
        case {"image": dict()}:
            return IMAGE_CHARACTERS
        case {"document": dict(document)}:
            return document_source_characters(document["source"])
        case {"toolUse": dict(use)}:
            return len(use["name"]) + json_characters(use["input"])
        case {"toolResult": dict(result)}:
            return sum(block_characters(inner) for inner in result.get("content") or [])
        case {"reasoningContent": {"reasoningText": dict(reasoning)}}:
            return len(reasoning["text"])
        case {"toolSpec": dict(spec)}:
            schema = json_characters(spec["inputSchema"]["json"])
            return len(spec["name"]) + len(spec.get("description") or "") + schema
        case {"cachePoint": _}:
            return 0
        case _:
            return json_characters(block)


def document_source_characters(source: JsonObject) -> int:
    if source.get("bytes"):
        return len(source["bytes"]) * BASE64_BYTES // BASE64_CHARACTERS
    return len(source.get("text") or "") + sum(len(part.get("text") or "") for part in source.get("content") or [])


def json_characters(value: Any) -> int:
    return len(orjson.dumps(value).decode())
