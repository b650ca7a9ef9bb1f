"""What holds for every conversation, of blocks of all kinds: nothing is lost in silence, and its beginning stays."""

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog import MODELS, Model
from gateway.protocol.blocks import RequestBlock, ResultBlock
from gateway.protocol.disposition import Disposition
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.options import Options
from gateway.protocol.parsing import parse_count
from gateway.protocol.to_converse import encode, to_converse

Translate = Callable[..., Any]
PNG: Final = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()
# One for each way in which models differ over the history: a Claude, one without documents, status and signatures, one
# that wants images beside the results, one that wants the results apart, one that caches some parts only.
SEEING_MODELS: Final = ("claude-sonnet-4-5", "gpt-6-sol", "mistral-large-3", "nova-pro", "kimi-k2.5")

words: Final = st.text(max_size=8)
spoken: Final = st.text(min_size=1, max_size=8).filter(lambda text: bool(text.strip()))
marks: Final = st.sampled_from(
    [{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "5m"}, {"type": "ephemeral", "ttl": "1h"}]
)


KINDS: Final[set[str]] = set()


def block(kind: str, required: dict[str, Any], *, marked: bool = True, **optional: Any) -> st.SearchStrategy[Any]:
    KINDS.add(kind)
    if marked:
        optional["cache_control"] = marks
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional=optional)


def source(kind: str, **fields: Any) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"type": st.just(kind), **fields})


def text_block(**fields: Any) -> st.SearchStrategy[Any]:
    return block("text", {"text": spoken}, **fields)


char_location: Final = source("char_location", cited_text=words, document_index=st.integers(0, 9), document_title=words)
search_location: Final = source("search_result_location", cited_text=words, source=words, title=words)
text: Final = text_block()
cited: Final = text_block(citations=st.lists(char_location | search_location, max_size=2))
blank: Final = block("text", {"text": st.sampled_from(["", " ", "\n"])})
image: Final = block("image", {"source": source("base64", media_type=st.just("image/png"), data=st.just(PNG))})
document: Final = block(
    "document",
    {
        "source": source("text", media_type=st.just("text/plain"), data=spoken)
        | source("content", content=st.lists(text_block(marked=False), min_size=1, max_size=2))
        | source("base64", media_type=st.just("text/csv"), data=st.just("YSxi"))
    },
    title=words,
    context=words,
    citations=st.fixed_dictionaries({"enabled": st.booleans()}),
)
search_result: Final = block(
    "search_result",
    {"source": words, "title": words, "content": st.lists(text_block(marked=False), min_size=1, max_size=2)},
)
tool_use: Final = block("tool_use", {"id": spoken, "name": st.sampled_from(["Bash", "with.dot"]), "input": st.just({})})
unmarked: Final = st.one_of(
    text_block(marked=False),
    block("text", {"text": st.sampled_from(["", " "])}, marked=False),
    *(kind.map(lambda made: {**made, "cache_control": None}) for kind in (image, document, search_result)),
    block("tool_reference", {"tool_name": st.sampled_from(["Bash", "with.dot"])}, marked=False),
    block("browser_state", {"tabs": st.just([])}, marked=False),
)
tool_result: Final = block(
    "tool_result", {"tool_use_id": spoken}, content=words | st.lists(unmarked, max_size=3), is_error=st.booleans()
)
thinking: Final = block("thinking", {"thinking": words, "signature": spoken}, marked=False)
redacted: Final = block("redacted_thinking", {"data": spoken}, marked=False)
any_json: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | words,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(words, below, max_size=2),
    max_leaves=4,
)
server_call: Final = block("server_tool_use", {"id": spoken, "name": spoken, "input": any_json})
SERVER_RESULTS: Final = (
    "web_search_tool_result",
    "web_fetch_tool_result",
    "advisor_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_result",
)
server_result: Final = st.one_of(
    *(block(kind, {"tool_use_id": spoken, "content": any_json}) for kind in SERVER_RESULTS)
)
mcp_call: Final = block("mcp_tool_use", {"id": spoken, "name": spoken, "server_name": words, "input": any_json})
listing: Final = block("mcp_tool_listing", {"mcp_server_name": words, "tools": any_json}, marked=False)
compaction: Final = block("compaction", {"content": st.none() | words})
fallback: Final = block("fallback", {"from": any_json, "to": any_json}, marked=False)
SERVER_KINDS: Final = (server_call, server_result, mcp_call, listing, compaction, fallback)


def message(role: str, sure: st.SearchStrategy[Any], *kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """`sure` is a block that never vanishes, so that the turns before and after the message stay apart."""
    some = st.lists(st.one_of(*kinds), max_size=3)
    content = st.tuples(some, sure, some).map(lambda parts: [*parts[0], parts[1], *parts[2]])
    return st.fixed_dictionaries({"role": st.just(role), "content": content})


user: Final = message(
    "user", text | image | document | tool_result, text, blank, image, document, search_result, tool_result
)
assistant: Final = message("assistant", text | tool_use, cited, blank, thinking, redacted, tool_use, *SERVER_KINDS)
note: Final = message("system", text, text, blank)
conversation: Final = st.lists(user | assistant | note, min_size=1, max_size=8)


def without_points(turns: list[Any]) -> list[Any]:
    return [{**turn, "content": [part for part in turn["content"] if "cachePoint" not in part]} for turn in turns]


def is_whole(messages: list[Any], count: int) -> bool:
    """Whether the user's turn ends there: nothing can be added to it any more."""
    ends = messages[count - 1]["role"] != "assistant"
    return ends and (count == len(messages) or messages[count]["role"] == "assistant")


def test_every_block_is_in_these_conversations() -> None:
    tags = {member.__struct_config__.tag for member in (*get_args(RequestBlock), *get_args(ResultBlock))}
    assert tags - KINDS == {"tool_addition", "tool_removal"}


@pytest.mark.parametrize("model", SEEING_MODELS)
@settings(deadline=None, max_examples=30)
@given(messages=conversation)
def test_a_conversation_that_goes_on_keeps_the_bytes_of_its_beginning(
    translate: Translate, model: str, messages: list[Any]
) -> None:
    whole = without_points(translate(messages, model=model).turns)
    for count in range(1, len(messages)):
        if is_whole(messages, count):
            beginning = without_points(translate(messages[:count], model=model).turns)
            assert orjson.dumps(beginning) == orjson.dumps(whole[: len(beginning)])


@pytest.mark.parametrize("model", SEEING_MODELS)
@settings(deadline=None, max_examples=20)
@given(messages=conversation)
def test_moving_a_cache_mark_changes_no_content(translate: Translate, model: str, messages: list[Any]) -> None:
    bare = [{**said, "content": [{**part, "cache_control": None} for part in said["content"]]} for said in messages]
    marked = without_points(translate(messages, model=model).turns)
    assert orjson.dumps(marked) == orjson.dumps(translate(bare, model=model).turns)


@pytest.mark.parametrize("model", SEEING_MODELS)
@settings(deadline=None, max_examples=20)
@given(messages=conversation)
def test_bedrocks_own_model_takes_every_conversation(
    translate: Translate, bedrock_takes: Callable[[Any], None], model: str, messages: list[Any]
) -> None:
    bedrock_takes(translate(messages, model=model).request)


def parts_of(messages: list[Any], kind: str) -> Iterator[Any]:
    return (part for said in messages for part in said["content"] if part["type"] == kind)


def members(turns: list[Any], name: str) -> Iterator[Any]:
    return (part[name] for turn in turns for part in turn["content"] if name in part)


@settings(deadline=None, max_examples=80)
@given(messages=conversation)
def test_thinking_signatures_and_redacted_blobs_arrive_byte_for_byte(translate: Translate, messages: list[Any]) -> None:
    reasoning = list(members(translate(messages).turns, "reasoningContent"))
    sent = [(part["thinking"], part["signature"]) for part in parts_of(messages, "thinking")]
    texts = [said["reasoningText"] for said in reasoning if "reasoningText" in said]
    assert [(said["text"], said["signature"]) for said in texts] == sent
    blobs = [b64decode(said["redactedContent"]).decode() for said in reasoning if "redactedContent" in said]
    assert blobs == [part["data"] for part in parts_of(messages, "redacted_thinking")]


@settings(deadline=None, max_examples=80)
@given(messages=conversation.map(lambda said: [*said, {"role": "user", "content": [{"type": "text", "text": "."}]}]))
def test_every_text_arrives_with_or_without_its_citations(translate: Translate, messages: list[Any]) -> None:
    turns = translate(messages).turns
    received = Counter(members(turns, "text"))
    received.update(content["content"][0]["text"] for content in members(turns, "citationsContent"))
    for said in messages:
        for part in parts_of([said], "text"):
            words_sent = part["text"]
            if words_sent.strip():
                expected = (
                    words_sent if said["role"] != "system" else f"<system-reminder>\n{words_sent}\n</system-reminder>"
                )
                assert received[expected] > 0
                received[expected] -= 1


system_blocks: Final = st.lists(text, max_size=3)
tools: Final = st.lists(st.none() | marks, max_size=3)


@settings(deadline=None, max_examples=100)
@given(messages=conversation, system=system_blocks, tool_marks=tools, automatic=st.none() | marks)
def test_every_cache_mark_is_a_point_or_is_named(
    translate: Translate, messages: list[Any], system: list[Any], tool_marks: list[Any], automatic: Any
) -> None:
    offered = [
        {"name": f"t{index}", "input_schema": {"type": "object"}, "cache_control": control}
        for index, control in enumerate(tool_marks)
    ]
    outcome = translate(messages, system=system, tools=offered, cache_control=automatic)
    everything = [*(part for said in messages for part in said["content"]), *system, *offered]
    sent = sum(part.get("cache_control") is not None for part in everything)
    points = outcome.body.count(b'"cachePoint"')
    named = {name for name in (*outcome.dropped, *outcome.approximated) if "cache_control" in name}
    places = {"content.cache_control", "system.cache_control", "tools.cache_control", "cache_control"}
    assert points <= 4
    assert points in (sent, sent + (automatic is not None)) or named & places or any_share_a_place(messages)


def any_share_a_place(messages: list[Any]) -> bool:
    """A mark on a block that becomes nothing falls on the point of the block before it."""
    gone = (*parts_of(messages, "text"), *parts_of(messages, "fallback"))
    return any(part.get("cache_control") and not part.get("text", "").strip() for part in gone)


ODD: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [None, True, -1, 1.5, "", " ", "\x00", [], {}, [[]], [{}], {"type": "text"}, "x" * 300, "JVBERi0="]
)


def damaged(messages: Any, steps: list[int], odd: Any) -> Any:
    if not steps or not isinstance(messages, dict | list) or not messages:
        return odd
    key = (list(messages) if isinstance(messages, dict) else range(len(messages)))[steps[0] % len(messages)]
    copy: Any = messages.copy()
    copy[key] = damaged(messages[key], steps[1:], odd)
    return copy


def refusal(body: dict[str, Any], model: Model, options: Options, disposition: Disposition) -> str | None:
    """The way of a request up to Bedrock. Anything raised but our own refusal fails the test."""
    try:
        request, presence = parse_count(json.dumps(body).encode())
        presence.note(disposition)
        encode(to_converse(request, model, disposition, options).request)
    except InvalidRequest as refused:
        return refused.message
    return None


@settings(deadline=None, max_examples=300)
@given(
    messages=conversation,
    steps=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    odd=ODD,
    model=st.sampled_from(MODELS),
    operator_text=words,
    strict=st.booleans(),
)
def test_a_damaged_conversation_is_translated_or_refused_with_its_path(
    messages: list[Any], steps: list[int], odd: Any, model: Model, operator_text: str, strict: bool
) -> None:
    body = {"model": "claude", "messages": damaged(messages, steps, odd), "cache_control": {"type": "ephemeral"}}
    message = refusal(body, model, Options(operator_text=operator_text), Disposition(strict=strict))
    assert message is None or message.startswith(("messages", "system:", "tools:", "cache_control:"))
