"""Replays what the real Claude Code sent, and looks for everything of it in what Bedrock got, or in the headers.

Independent of the table and of the translation: each leaf of the captured JSON must stand somewhere in the Converse
request, or below a name that the reply's headers disclose. What is exempt from that is listed here, with the reason.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from gateway.simulator import Exchange
from tests.support.gateway import Gateway

FOLDER: Final = Path(__file__).parents[1] / "captures"
CAPTURES: Final = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
# Bedrock has no web search, and an invented answer would be worse: it is refused (tests/server/test_captures.py).
REFUSED: Final = "websearch_side_call"
MESSAGES: Final = [name for name, each in CAPTURES.items() if each["path"] == "/v1/messages" and name != REFUSED]
COUNTS: Final = [name for name, each in CAPTURES.items() if each["path"] == "/v1/messages/count_tokens"]
# The newest models are not counted by Bedrock at all: then nothing is sent that could be looked at.
COUNTED_MODEL: Final = "claude-sonnet-4-5"
UNSENT: Final = frozenset({"host", "connection", "accept-encoding", "x-api-key", "content-length"})

# Leaves that the Converse request says by its own structure, by their last field.
STRUCTURE: Final[Mapping[str, str]] = {
    "model": "the path of the URL",
    "stream": "the operation",
    "type": "the member that a block, a tool or a choice becomes",
    "media_type": "`format`",
    "is_error": "`status`",
    "defer_loading": "whether the tool is there at all",
}
# Texts that may vanish without a word.
ATTRIBUTION: Final = "x-anthropic-billing-header:"
PLACEHOLDER: Final = "DeferredToolPlaceholder"


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path, without the places in lists, and value. A tool's placeholder is passed over with all that it has."""
    if isinstance(value, dict):
        if value.get("name") != PLACEHOLDER:
            for name, below in value.items():
                yield from leaves(below, (*path, name))
    elif isinstance(value, list):
        for below in value:
            yield from leaves(below, path)
    elif value is not None:
        yield path, value


def values_of(converse: Any) -> tuple[str, frozenset[str]]:
    """All texts of the Converse request in one, and each value and name by itself."""
    texts: list[str] = []
    single: set[str] = set()
    for path, value in leaves(converse):
        single.update(path)
        single.add(json.dumps(value))
        if isinstance(value, str):
            texts.append(value)
    return "\n".join(texts), frozenset(single)


def is_exempt(path: tuple[str, ...], value: Any) -> bool:
    # Inside a schema or an input every word is the caller's, and none of them structure.
    is_callers_own = bool({"input_schema", "input", "schema"} & set(path[:-1]))
    return (path[-1] in STRUCTURE and not is_callers_own) or (isinstance(value, str) and value.startswith(ATTRIBUTION))


def is_disclosed(path: tuple[str, ...], names: frozenset[str]) -> bool:
    """Whether a header names the leaf or something that it belongs to."""
    if any(".".join(path[:end]) in names for end in range(1, len(path) + 1)):
        return True
    # A field of a block or of a tool is disclosed as `content.TAG.FIELD`, `tools.TAG.FIELD`, wherever it stands.
    place = {"messages": "content", "tools": "tools"}.get(path[0])
    return any(name.count(".") > 1 and (name.split(".")[0], name.split(".")[-1]) == (place, path[-1]) for name in names)


async def replay(gateway: Gateway, name: str) -> tuple[Mapping[str, str], Exchange]:
    """The headers of the answer, and the one call that reached Bedrock."""
    capture = CAPTURES[name]
    headers = {key: value for key, value in capture["headers"].items() if key.lower() not in UNSENT}
    body = capture["body"] | ({"model": COUNTED_MODEL} if name in COUNTS else {})
    before = len(calls(gateway))
    async with gateway.post(body, capture["path"], headers) as response:
        assert response.status == 200, await response.text()
        await response.read()
        (call,) = calls(gateway)[before:]
        return response.headers, call


def calls(gateway: Gateway) -> list[Exchange]:
    return [each for each in gateway.simulator.exchanges if each.operation in ("ConverseStream", "CountTokens")]


@pytest.mark.parametrize("name", [*MESSAGES, *COUNTS])
async def test_nothing_of_a_captured_request_is_lost_in_silence(gateway: Gateway, name: str) -> None:
    headers, call = await replay(gateway, name)
    names = disclosed(headers)
    text, single = values_of(call.body)
    lost = [
        (".".join(path), value)
        for path, value in leaves(CAPTURES[name]["body"])
        if not (json.dumps(value) in single or (isinstance(value, str) and value in text))
        and not is_exempt(path, value)
        and not is_disclosed(path, names)
    ]
    assert lost == []


@pytest.mark.parametrize("name", MESSAGES)
async def test_every_cache_mark_of_a_captured_request_is_sent_or_disclosed(gateway: Gateway, name: str) -> None:
    headers, call = await replay(gateway, name)
    marks = json.dumps(CAPTURES[name]["body"]).count('"cache_control": {')
    points = json.dumps(call.body).count('"cachePoint": {')
    assert points == marks or any("cache_control" in disclosed_name for disclosed_name in disclosed(headers))


@pytest.mark.parametrize("name", MESSAGES)
async def test_every_beta_of_a_captured_request_is_sent_or_disclosed(gateway: Gateway, name: str) -> None:
    headers, call = await replay(gateway, name)
    sent = call.body.get("additionalModelRequestFields", {}).get("anthropic_beta", [])
    capture = {key.lower(): value for key, value in CAPTURES[name]["headers"].items()}
    asked = {beta.strip() for beta in capture["anthropic-beta"].split(",")}
    assert len(asked) > 1
    assert {beta for beta in asked if beta not in sent and f"beta:{beta}" not in disclosed(headers)} == set()


def disclosed(headers: Mapping[str, str]) -> frozenset[str]:
    both = f"{headers.get('x-chatrix-dropped', '')},{headers.get('x-chatrix-approximated', '')}"
    return frozenset(name.strip() for name in both.split(",") if name.strip())
