"""What holds for every request: nothing but our own refusal, nothing lost in silence, the same bytes every time."""

import json
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog import MODELS
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.estimate import estimate_input_tokens
from gateway.protocol.parsing import parse_count
from gateway.protocol.to_converse import encode, to_converse
from gateway.protocol.wire_names import wire_tool_name, wire_tool_use_id

Translate = Callable[..., Any]
PNG: Final = "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2j"
MARK: Final = {"type": "ephemeral"}


def _trimmed(value: Any) -> Any:
    """A captured request with its shape, but without its bulk."""
    if isinstance(value, dict):
        return {key: _trimmed(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_trimmed(below) for below in value[:6]]
    return value[:60] if isinstance(value, str) else value


def _seeds() -> list[Any]:
    captures = [orjson.loads(path.read_bytes()) for path in (Path(__file__).parents[2] / "captures").glob("*.json")]
    return [_trimmed(capture["body"]) for capture in captures if capture["body"]]


SEEDS: Final = _seeds()
BLOCK_TYPES: Final = [
    "text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "tool_reference",
    "tool_addition", "server_tool_use", "base64", "url", "content", "custom", "auto", "none", "adaptive",
]  # fmt: skip
DEEP: Final = json.loads("[" * 300 + "]" * 300)
ODD_VALUES: Final = st.one_of(
    st.sampled_from(
        [
            None,
            True,
            0,
            -1,
            1.5,
            10**30,
            -(2**63) - 1,
            "",
            " ",
            "x" * 200,
            "\x00",
            "\ud800",
            "%",
            [],
            {},
            [[]],
            [{}],
            DEEP,
        ]
    ),
    st.sampled_from([{"type": name} for name in BLOCK_TYPES]),
    st.sampled_from(BLOCK_TYPES),
    st.sampled_from([PNG, "system", "assistant", "ephemeral", MARK]),
    st.text(max_size=5),
)


def _mutate(value: Any, steps: list[int], replacement: Any) -> Any:
    """The value with one part replaced; `steps` say which way to go."""
    if not steps or not isinstance(value, dict | list) or not value:
        return replacement
    key = (list(value) if isinstance(value, dict) else range(len(value)))[steps[0] % len(value)]
    copy: Any = value.copy()
    copy[key] = _mutate(value[key], steps[1:], replacement)
    return copy


mutation: Final = st.tuples(st.lists(st.integers(0, 20), min_size=1, max_size=8), ODD_VALUES)


def _refusal(body: bytes, model: int) -> str | None:
    """The way of a request up to Bedrock. Anything raised but our own refusal fails the test."""
    try:
        request, _ = parse_count(body)
        translation = to_converse(request, MODELS[model % len(MODELS)], Disposition())
        encode(translation.request)
        estimate_input_tokens(translation.request, MODELS[0])
    except InvalidRequest as refused:
        return refused.message
    return None


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SEEDS), st.lists(mutation, min_size=1, max_size=3), st.integers(0, 100))
def test_a_damaged_request_is_translated_or_refused(
    seed: Any, mutations: list[tuple[list[int], Any]], model: int
) -> None:
    for steps, replacement in mutations:
        seed = _mutate(seed, steps, replacement)
    refusal = _refusal(json.dumps(seed).encode(), model)
    assert refusal is None or 0 < len(refusal) < 600


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(SEEDS), st.integers(0), st.binary(max_size=3))
def test_damaged_bytes_are_translated_or_refused(seed: Any, place: int, noise: bytes) -> None:
    body = orjson.dumps(seed)
    at = place % len(body)
    refusal = _refusal(body[:at] + noise + body[at + 1 :], 0)
    assert refusal is None or 0 < len(refusal) < 600


@settings(deadline=None)
@given(st.binary(max_size=50))
def test_noise_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_count(body)


# What a caller may send: any words, and JSON of any shape as the input of a tool.
words: Final = st.text(max_size=8)
spoken: Final = st.text(min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
numbers: Final = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
any_json: Final = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3),
    max_leaves=5,
)
tool_input: Final = st.dictionaries(words, any_json, max_size=3)
tool_name: Final = st.sampled_from(["Bash", "Read", "with.dot", "mcp__" + "long_" * 20])


def block(kind: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional=optional or {})


marks: Final = {"cache_control": st.just(MARK)}
text: Final = block("text", {"text": spoken}, marks)
blank: Final = block("text", {"text": st.sampled_from(["", " ", "\n"])})
image: Final = block("image", {"source": st.just({"type": "base64", "media_type": "image/png", "data": PNG})}, marks)
document: Final = block(
    "document",
    {"source": st.fixed_dictionaries({"type": st.just("text"), "media_type": st.just("text/plain"), "data": spoken})},
    {**marks, "title": words},
)
tool_use: Final = block("tool_use", {"id": spoken, "name": tool_name, "input": tool_input}, marks)
tool_result: Final = block(
    "tool_result",
    {"tool_use_id": spoken},
    {
        "content": words | st.lists(block("text", {"text": words}) | image.map(lambda i: {**i, "cache_control": None})),
        "is_error": st.booleans(),
        **marks,
    },
)
thinking: Final = block("thinking", {"thinking": words, "signature": spoken})
redacted: Final = block("redacted_thinking", {"data": spoken})


def message(role: str, *blocks: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Never empty, so that it never vanishes and its neighbours stay apart."""
    content = st.tuples(st.lists(st.one_of(*blocks), max_size=3), text, st.lists(st.one_of(*blocks), max_size=2))
    return st.fixed_dictionaries(
        {"role": st.just(role), "content": spoken | content.map(lambda parts: [*parts[0], parts[1], *parts[2]])}
    )


user: Final = message("user", text, blank, image, document, tool_result)
assistant: Final = message("assistant", text, blank, thinking, redacted, tool_use)
note: Final = message("system", text, blank)
conversation: Final = st.lists(user | assistant | note, min_size=1, max_size=6)


def blocks_of(messages: list[Any]) -> Iterator[Any]:
    for said in messages:
        content = said["content"]
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content


def inner_texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [inner["text"] for inner in content or () if inner["type"] == "text"]


def values_sent(messages: list[Any]) -> Counter[str]:
    """Every value that must arrive as it is."""
    sent: Counter[str] = Counter()
    for said in blocks_of(messages):
        match said["type"]:
            case "text":
                sent.update([said["text"]])
            case "tool_use":
                sent.update([json.dumps(said["input"], sort_keys=True)])
            case "tool_result":
                sent.update(inner_texts(said.get("content")))
            case "thinking":
                sent.update([said["thinking"] + said["signature"]])
            case "redacted_thinking":
                sent.update([said["data"]])
    return Counter({value: count for value, count in sent.items() if value.strip()})


def values_received(turns: list[Any]) -> Counter[str]:
    received: Counter[str] = Counter()
    for part in (part for turn in turns for part in turn["content"]):
        match part:
            case {"text": value}:
                received.update(
                    [re.sub(r"\A<system-reminder>\n(.*)\n</system-reminder>\Z", r"\1", value, flags=re.DOTALL)]
                )
            case {"toolUse": {"input": value}}:
                received.update([json.dumps(value, sort_keys=True)])
            case {"toolResult": {"content": content}}:
                received.update(inner["text"] for inner in content if "text" in inner)
            case {"reasoningContent": {"reasoningText": value}}:
                received.update([value["text"] + value["signature"]])
            case {"reasoningContent": {"redactedContent": value}}:
                received.update([b64decode(value).decode()])
    return received


def points(turns: list[Any]) -> int:
    return sum("cachePoint" in part for turn in turns for part in turn["content"])


def without_points(turns: list[Any]) -> list[Any]:
    return [{**turn, "content": [part for part in turn["content"] if "cachePoint" not in part]} for turn in turns]


@settings(deadline=None, max_examples=80)
@given(messages=conversation)
def test_every_value_arrives(translate: Translate, bedrock_takes: Callable[[Any], None], messages: list[Any]) -> None:
    outcome = translate(messages)
    sent, received = values_sent(messages), values_received(outcome.turns)
    missing = sent - received
    if "content.text" in outcome.approximated:
        # White space at the end of an answer that the caller has begun; nothing else, and disclosed.
        missing = Counter({value.rstrip(): count for value, count in missing.items()}) - (received - sent)
    assert not missing
    bedrock_takes(outcome.request)


@settings(deadline=None, max_examples=80)
@given(messages=conversation)
def test_turns_alternate(translate: Translate, messages: list[Any]) -> None:
    roles = [turn["role"] for turn in translate(messages).turns]
    assert all(one != other for one, other in pairwise(roles))


@settings(deadline=None, max_examples=80)
@given(messages=conversation)
def test_every_cache_mark_is_a_point_or_disclosed(translate: Translate, messages: list[Any]) -> None:
    outcome = translate(messages)
    marks_sent = sum(said.get("cache_control") is not None for said in blocks_of(messages))
    disclosed = "content.cache_control" in (*outcome.dropped, *outcome.approximated)
    assert points(outcome.turns) == marks_sent or disclosed
    assert points(outcome.turns) <= 4


@settings(deadline=None, max_examples=80)
@given(messages=conversation)
def test_the_same_conversation_is_the_same_bytes(translate: Translate, messages: list[Any]) -> None:
    assert translate(messages).body == translate(json.loads(json.dumps(messages))).body


@settings(deadline=None, max_examples=150)
@given(messages=conversation, place=st.integers(0))
def test_a_conversation_that_goes_on_keeps_its_beginning(translate: Translate, messages: list[Any], place: int) -> None:
    """Points aside (clients move them). The last turn may still grow, if the next message belongs to it; and an answer
    that the caller has only begun has no white space at its end.
    """
    cut = place % len(messages) + 1
    outcome = translate(messages[:cut])
    now = without_points(outcome.turns)
    later = without_points(translate(messages).turns)
    goes_on = cut < len(messages) and (messages[cut]["role"] == "assistant") == (now[-1]["role"] == "assistant")
    trimmed = "content.text" in outcome.approximated
    settled = len(now) - 1 if goes_on or trimmed else len(now)
    assert orjson.dumps(now[:settled]) == orjson.dumps(later[:settled])


@given(st.text(min_size=1, max_size=140))
def test_wire_names_are_legal(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wire_tool_name(name))
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", wire_tool_use_id(name))


@settings(deadline=None)
@given(names=st.lists(st.text(min_size=1, max_size=100), min_size=1, max_size=5, unique=True))
def test_every_tool_name_can_be_given_back(translate: Translate, names: list[str]) -> None:
    outcome = translate(tools=[{"name": name, "input_schema": {}} for name in names])
    wire = [entry["toolSpec"]["name"] for entry in outcome.request["toolConfig"]["tools"]]
    assert [outcome.translation.tool_names.get(name, name) for name in wire] == names
