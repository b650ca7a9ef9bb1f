"""Cache marks: where their points stand, and what happens to those that cannot stand there."""

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.request.conftest import translate_request

Translate = Callable[..., Any]
POINT = {"cachePoint": {"type": "default"}}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "s"}
DOCUMENT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}}


def marked(block: dict[str, Any] | str, **control: Any) -> dict[str, Any]:
    block = text(block) if isinstance(block, str) else block
    return {**block, "cache_control": {"type": "ephemeral", **control}}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def messages(*blocks: dict[str, Any], role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": list(blocks)}]


def kinds(outcome: Any, turn: int = 0) -> list[str]:
    return [str(block.get("text", next(iter(block)))) for block in outcome.turns[turn]["content"]]


def test_a_point_follows_the_marked_block(translate: Translate) -> None:
    outcome = translate(messages(marked("a"), text("b"), marked("c")))
    assert outcome.turns[0]["content"] == [{"text": "a"}, POINT, {"text": "b"}, {"text": "c"}, POINT]


def test_a_point_in_the_system_prompt(translate: Translate) -> None:
    outcome = translate(system=[marked("a"), text("b")])
    assert outcome.request["system"] == [{"text": "a"}, POINT, {"text": "b"}]


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_a_ttl_is_kept(translate: Translate, ttl: str) -> None:
    outcome = translate(messages(marked("a", ttl=ttl)), model="claude-opus-5-5")
    assert outcome.turns[0]["content"][1] == {"cachePoint": {"type": "default", "ttl": ttl}}
    assert outcome.approximated == ()


@pytest.mark.parametrize(("ttl", "approximated"), [("1h", ("cache_control.ttl",)), ("5m", ()), (None, ())])
def test_a_ttl_the_model_does_not_have_is_left_out(
    translate: Translate, ttl: str | None, approximated: tuple[str, ...]
) -> None:
    outcome = translate(messages(marked("a", ttl=ttl)), model="claude-opus-4-1")
    assert outcome.turns[0]["content"][1] == POINT
    assert outcome.approximated == approximated


def test_a_scope_is_dropped_by_name(translate: Translate) -> None:
    outcome = translate(messages(marked("a", scope="global")))
    assert outcome.turns[0]["content"][1] == POINT
    assert outcome.dropped == ("cache_control.scope",)


def test_the_mark_of_blank_text_moves_to_the_block_before(translate: Translate) -> None:
    outcome = translate(messages(text("a"), marked(" "), text("b")))
    assert kinds(outcome) == ["a", "cachePoint", "b"]
    assert outcome.dropped == ()


def test_a_mark_with_nothing_before_it_is_dropped_by_name(translate: Translate) -> None:
    outcome = translate(messages(marked(""), text("a")), system=[marked(" "), text("b")])
    assert kinds(outcome) == ["a"]
    assert outcome.dropped == ("content.cache_control", "system.cache_control")


def test_two_marks_at_one_place_are_one_point(translate: Translate) -> None:
    outcome = translate(messages(marked("a"), marked("")))
    assert kinds(outcome) == ["a", "cachePoint"]
    assert (outcome.dropped, outcome.approximated) == ((), ())


def test_two_different_marks_at_one_place_are_disclosed(translate: Translate) -> None:
    outcome = translate(messages(marked("a", ttl="1h"), marked("")))
    assert outcome.turns[0]["content"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert outcome.approximated == ("content.cache_control",)


def test_a_point_never_follows_reasoning(translate: Translate) -> None:
    outcome = translate(messages(text("a"), THINKING, marked(""), text("b"), role="assistant"))
    assert kinds(outcome) == ["a", "cachePoint", "reasoningContent", "b"]
    assert outcome.approximated == ("content.cache_control",)


def test_a_point_that_only_has_reasoning_before_it_is_dropped(translate: Translate) -> None:
    outcome = translate(messages(THINKING, marked(""), text("b"), role="assistant"))
    assert kinds(outcome) == ["reasoningContent", "b"]
    assert outcome.dropped == ("content.cache_control",)


def test_a_point_never_follows_a_document_that_is_no_pdf(translate: Translate) -> None:
    outcome = translate(messages(text("a"), marked(DOCUMENT), text("b")))
    assert kinds(outcome) == ["a", "cachePoint", "document", "b"]
    assert outcome.approximated == ("content.cache_control",)


def test_marks_inside_a_tool_result_follow_it(translate: Translate) -> None:
    result = {"type": "tool_result", "tool_use_id": "1", "content": [marked("a"), marked("b")]}
    outcome = translate(messages(result, text("c")))
    assert kinds(outcome) == ["toolResult", "cachePoint", "c"]
    assert outcome.turns[0]["content"][0]["toolResult"]["content"] == [{"text": "a"}, {"text": "b"}]


def test_a_mark_on_a_tool_result_and_on_a_tool_call(translate: Translate) -> None:
    call = marked({"type": "tool_use", "id": "1", "name": "a", "input": {}})
    result = marked({"type": "tool_result", "tool_use_id": "1", "content": "x"})
    outcome = translate([*messages(call, role="assistant"), *messages(result)])
    assert kinds(outcome, 0) == ["toolUse", "cachePoint"]
    assert kinds(outcome, 1) == ["toolResult", "cachePoint"]


def test_beyond_four_the_earliest_of_the_messages_go_first(translate: Translate) -> None:
    conversation = [
        *messages(marked("a"), marked("b")),
        *messages(marked("c"), role="assistant"),
        *messages(marked("d")),
    ]
    outcome = translate(conversation, system=[marked("s")], tools=[marked({"name": "t", "input_schema": {}})])
    assert [kinds(outcome, turn) for turn in range(3)] == [["a", "b"], ["c", "cachePoint"], ["d", "cachePoint"]]
    assert outcome.request["system"] == [{"text": "s"}, POINT]
    assert outcome.request["toolConfig"]["tools"][1] == POINT
    assert outcome.dropped == ("content.cache_control",)


def test_then_those_of_the_system_and_of_the_tools(translate: Translate) -> None:
    tools = [marked({"name": f"t{number}", "input_schema": {}}) for number in range(5)]
    outcome = translate(messages(marked("a")), system=[marked("s")], tools=tools)
    assert kinds(outcome) == ["a"]
    assert outcome.request["system"] == [{"text": "s"}]
    assert [next(iter(entry)) for entry in outcome.request["toolConfig"]["tools"]].count("cachePoint") == 4
    assert outcome.dropped == ("content.cache_control", "system.cache_control", "tools.cache_control")


def test_automatic_caching_puts_a_point_at_the_end(translate: Translate) -> None:
    outcome = translate(messages(text("a")), cache_control={"type": "ephemeral", "ttl": "1h"})
    assert outcome.turns[0]["content"] == [{"text": "a"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]


def test_automatic_caching_agrees_with_a_mark_at_the_end(translate: Translate) -> None:
    outcome = translate(messages(marked("a")), cache_control={"type": "ephemeral"})
    assert outcome.turns[0]["content"] == [{"text": "a"}, POINT]
    assert outcome.dropped == ()


def test_automatic_caching_needs_a_free_slot(translate: Translate) -> None:
    blocks = [marked(str(number)) for number in range(4)]
    outcome = translate(messages(*blocks, text("end")), cache_control={"type": "ephemeral"})
    assert kinds(outcome)[-1] == "end"
    assert outcome.dropped == ("cache_control",)


def test_a_ttl_of_five_minutes_is_the_same_as_none(translate: Translate) -> None:
    outcome = translate(messages(marked("a"), marked(" ", ttl="5m")))
    assert kinds(outcome) == ["a", "cachePoint"]
    assert outcome.approximated == ()


def test_automatic_caching_needs_no_slot_where_there_is_a_point_already(translate: Translate) -> None:
    outcome = translate(messages(*(marked(letter) for letter in "abcd")), cache_control={"type": "ephemeral"})
    assert kinds(outcome).count("cachePoint") == 4
    assert outcome.dropped == ()


def test_marks_inside_a_documents_content_are_dropped_by_name(translate: Translate) -> None:
    source = {"type": "content", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}
    outcome = translate(messages({"type": "document", "source": source}, text("b")))
    assert outcome.dropped == ("content.cache_control",)


def test_automatic_caching_steps_back_before_a_document_that_is_no_pdf(translate: Translate) -> None:
    outcome = translate(messages(text("a"), DOCUMENT), cache_control={"type": "ephemeral"})
    assert kinds(outcome) == ["a", "cachePoint", "document"]
    assert outcome.approximated == ("cache_control",)


def test_automatic_caching_with_nothing_to_cache_is_dropped_by_name(translate: Translate) -> None:
    conversation = [*messages(text("a")), *messages(THINKING, role="assistant")]
    outcome = translate(conversation, cache_control={"type": "ephemeral"})
    assert kinds(outcome, 1) == ["reasoningContent"]
    assert outcome.dropped == ("cache_control",)


def test_points_keep_their_own_ttl_in_every_part_of_a_request(translate: Translate) -> None:
    outcome = translate(
        [*messages(marked("a", ttl="1h")), *messages(marked("b"), role="assistant"), *messages(text("c"))],
        system=[marked("s", ttl="1h")],
        tools=[marked({"name": "t", "input_schema": {"type": "object"}}, ttl="1h")],
        model="claude-opus-5-5",
    )
    hour = {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert outcome.request["toolConfig"]["tools"][1] == hour
    assert outcome.request["system"][1] == hour
    assert outcome.turns[0]["content"][1] == hour
    assert outcome.turns[1]["content"][1] == POINT
    assert (outcome.dropped, outcome.approximated) == ((), ())


HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}


def call(tool_use_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": "a", "input": {}}


def result(tool_use_id: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": "x"}


def test_points_that_change_places_keep_their_order(translate: Translate) -> None:
    outcome = translate(
        [
            *messages(call("1"), role="assistant"),
            *messages(marked("note", ttl="1h"), role="system"),
            *messages(marked(result("1"))),
        ]
    )
    assert kinds(outcome, 1)[::2] == ["toolResult", "<system-reminder>\nnote\n</system-reminder>"]
    assert outcome.turns[1]["content"][1::2] == [HOUR, POINT]
    assert "content.cache_control" in outcome.approximated


def test_points_that_change_places_and_are_alike_are_not_disclosed(translate: Translate) -> None:
    outcome = translate(messages(marked(call("1")), marked("b"), role="assistant"))
    assert kinds(outcome) == ["b", "cachePoint", "toolUse", "cachePoint"]
    assert outcome.approximated == ("tools", "messages.order")


def message(role: str, *blocks: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    content = st.lists(st.sampled_from([*blocks, *map(marked, blocks)]), min_size=1, max_size=3)
    return content.map(lambda chosen: {"role": role, "content": chosen})


CONVERSATIONS = st.lists(
    st.one_of(
        message("user", result("1"), text("a"), text(" "), DOCUMENT),
        message("assistant", call("1"), text("b")),
        message("system", text("note")),
    ),
    min_size=2,
    max_size=6,
)


@given(conversation=CONVERSATIONS, hours=st.integers(0, 4))
def test_ttls_that_do_not_increase_never_do(conversation: list[dict[str, Any]], hours: int) -> None:
    """Bedrock refuses a request whose TTLs increase on the way."""
    ttls = chain(repeat("1h", hours), repeat("5m"))
    said = [
        {**said, "content": [{**block, **with_ttl(block, ttls)} for block in said["content"]]} for said in conversation
    ]
    outcome = translate_request(
        {"model": "claude-opus-4-6", "max_tokens": 9, "messages": [*messages(text("a")), *said, *messages(text("z"))]}
    )
    points = [block["cachePoint"] for turn in outcome.turns for block in turn["content"] if "cachePoint" in block]
    sent = [point["ttl"] for point in points]
    assert sent == sorted(sent)  # "1h" before "5m"


def with_ttl(block: dict[str, Any], ttls: Iterator[str]) -> dict[str, Any]:
    return {"cache_control": {"type": "ephemeral", "ttl": next(ttls)}} if "cache_control" in block else {}


@pytest.mark.parametrize(("documents", "places"), [(40, ()), (39, (1,))])
def test_a_point_moves_only_so_far(translate: Translate, documents: int, places: tuple[int, ...]) -> None:
    content = [text("a"), *([DOCUMENT] * (documents - 1)), marked(DOCUMENT)]
    outcome = translate(messages(*content))
    blocks = outcome.turns[0]["content"]
    assert tuple(index for index, block in enumerate(blocks) if "cachePoint" in block) == places
    assert outcome.dropped == (() if places else ("content.cache_control",))
