"""The conversation as a whole: turns that alternate, and the operator's notes in between."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
MARK = {"cache_control": {"type": "ephemeral"}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": [text(block) if isinstance(block, str) else block for block in content]}


def assistant(*content: Any) -> dict[str, Any]:
    return {**user(*content), "role": "assistant"}


def note(*content: Any) -> dict[str, Any]:
    return {**user(*content), "role": "system"}


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


def call(tool_use_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": "Bash", "input": {}}


def result(tool_use_id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": f"result {tool_use_id}", **fields}


def outline(outcome: Any) -> list[tuple[str, list[str]]]:
    """Roles, and one word for each block."""
    return [(turn["role"], [word(block) for block in turn["content"]]) for turn in outcome.turns]


def word(block: dict[str, Any]) -> str:
    match block:
        case {"text": value}:
            return str(value).replace("<system-reminder>\n", "note ").removesuffix("\n</system-reminder>")
        case {"toolUse": {"toolUseId": tool_use_id}}:
            return f"call {tool_use_id}"
        case {"toolResult": {"toolUseId": tool_use_id}}:
            return f"result {tool_use_id}"
        case _:
            return next(iter(block))


def test_a_conversation_alternates(translate: Translate) -> None:
    assert outline(translate([user("a"), assistant("b"), user("c")])) == [
        ("user", ["a"]),
        ("assistant", ["b"]),
        ("user", ["c"]),
    ]


def test_neighbours_of_one_role_become_one_turn(translate: Translate) -> None:
    assert outline(translate([user("a"), user("b"), assistant("c"), assistant("d")])) == [
        ("user", ["a", "b"]),
        ("assistant", ["c", "d"]),
    ]


def test_a_message_with_nothing_left_is_skipped(translate: Translate) -> None:
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    assert outline(translate([user("a"), assistant(unsigned), user("", "b"), assistant(" "), user()])) == [
        ("user", ["a", "b"])
    ]


@pytest.mark.parametrize("messages", [[], [user()], [user(" "), assistant("")], [note("")]])
def test_a_conversation_with_nothing_in_it_is_refused(translate: Translate, messages: list[Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages: "):
        translate(messages)


def test_a_final_assistant_turn_is_passed_on(translate: Translate) -> None:
    assert outline(translate([user("a"), assistant("{")]))[-1] == ("assistant", ["{"])


def test_a_note_is_marked_and_disclosed(translate: Translate) -> None:
    outcome = translate([user("a"), {"role": "system", "content": "Be brief.\n"}])
    assert outcome.turns[0]["content"][1] == {"text": "<system-reminder>\nBe brief.\n\n</system-reminder>"}
    assert outcome.approximated == ("messages.role.system",)


def test_a_note_follows_everything_in_the_user_turn_before_it(translate: Translate) -> None:
    messages = [user("a"), assistant(call("1")), user(result("1"), "b"), note("n"), assistant("c"), user("d")]
    assert outline(translate(messages))[2:] == [
        ("user", ["result 1", "b", "note n"]),
        ("assistant", ["c"]),
        ("user", ["d"]),
    ]


def test_a_note_behind_a_tool_call_waits_for_the_results(translate: Translate) -> None:
    messages = [user("a"), assistant(call("1"), call("2")), note("n"), user(result("1")), user(result("2"), "b")]
    assert outline(translate(messages))[2] == ("user", ["result 1", "result 2", "note n", "b"])


def test_a_note_between_two_results_waits_for_the_second(translate: Translate) -> None:
    messages = [user("a"), assistant(call("1"), call("2")), user(result("1")), note("n", "m"), user(result("2"))]
    assert outline(translate(messages))[2] == ("user", ["result 1", "result 2", "note n", "note m"])


def test_a_note_behind_an_answer_opens_the_next_user_turn(translate: Translate) -> None:
    assert outline(translate([user("a"), assistant("b"), note("n"), user("c")]))[2] == ("user", ["note n", "c"])


def test_a_note_at_the_end_is_a_turn_of_its_own(translate: Translate) -> None:
    assert outline(translate([user("a"), assistant("b"), note("n")]))[2] == ("user", ["note n"])


def test_a_note_between_answers_parts_them(translate: Translate) -> None:
    assert outline(translate([user("a"), assistant("b"), note("n"), assistant("c")]))[1:] == [
        ("assistant", ["b"]),
        ("user", ["note n"]),
        ("assistant", ["c"]),
    ]


def test_the_cache_point_of_a_note_stands_behind_it(translate: Translate) -> None:
    messages = [user("a"), assistant(call("1")), note(text("n", **MARK)), user(result("1", **MARK), "b")]
    assert outline(translate(messages))[2] == ("user", ["result 1", "cachePoint", "note n", "cachePoint", "b"])


def test_a_directive_without_content_is_skipped_and_its_fields_are_named(translate: Translate) -> None:
    directive = {"role": "system", "content": [], "output_config": {"effort": "low"}, "clear_at": 1}
    outcome = translate([user("a"), directive])
    assert outline(outcome) == [("user", ["a"])]
    assert outcome.dropped == ("messages.output_config", "messages.clear_at")


def test_a_tool_that_is_added_later_is_offered(translate: Translate) -> None:
    addition = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "b"}}
    tools = [{"name": name, "input_schema": {"type": "object"}, "defer_loading": True} for name in ("b", "c")]
    outcome = translate([user("a"), note("n", addition)], tools=tools)
    assert outline(outcome) == [("user", ["a", "note n"])]
    assert [tool["toolSpec"]["name"] for tool in outcome.request["toolConfig"]["tools"]] == ["b"]
    assert "content.tool_addition" in outcome.approximated


def test_a_tool_that_is_removed_later_is_still_offered_and_that_is_named(translate: Translate) -> None:
    removal = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "b"}}
    outcome = translate([user("a"), note("n", removal)])
    assert outline(outcome) == [("user", ["a", "note n"])]
    assert outcome.dropped == ("content.tool_removal",)


def test_a_tool_that_is_defined_in_the_middle_is_refused_with_what_to_do_instead(translate: Translate) -> None:
    definition = {"name": "b", "input_schema": {"type": "object"}}
    addition = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}
    with pytest.raises(InvalidRequest, match=r"^messages\.1\.content\.1: .* define the tool in `tools`"):
        translate([user("a"), note("n", addition)])


def test_white_space_at_the_end_of_a_begun_answer_goes(translate: Translate) -> None:
    outcome = translate([user("a"), assistant("Hello \n")])
    assert outline(outcome)[1] == ("assistant", ["Hello"])
    assert outcome.approximated == ("content.text",)
    assert outline(translate([user("a"), assistant("Hello \n"), user("b")]))[1] == ("assistant", ["Hello \n"])


def test_white_space_before_the_cache_point_of_a_begun_answer_goes_too(translate: Translate) -> None:
    outcome = translate([user("a"), assistant(text("Hello \n", **MARK))])
    assert outline(outcome)[1] == ("assistant", ["Hello", "cachePoint"])
    assert outcome.approximated == ("content.text",)


def test_white_space_at_the_end_of_a_begun_answer_with_citations_goes_too(translate: Translate) -> None:
    citation = {"type": "char_location", "cited_text": "Hello", "document_index": 0}
    messages = [user("a"), assistant("First. ", text("Hello \n", citations=[citation]))]
    [_, cited] = translate(messages).turns[1]["content"]
    assert cited["citationsContent"]["content"] == [{"text": "Hello"}]
    assert cited["citationsContent"]["citations"] == [
        {"location": {"documentChar": {"documentIndex": 0}}, "sourceContent": [{"text": "Hello"}]}
    ]
    [_, cited] = translate([*messages, user("b")]).turns[1]["content"]
    assert cited["citationsContent"]["content"] == [{"text": "Hello \n"}]


def test_other_blocks_in_a_note_are_refused(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.1\.content\.1: .* takes no tool_use block"):
        translate([user("a"), note("n", call("1"))])


def test_text_behind_a_tool_call_moves_before_it(translate: Translate) -> None:
    outcome = translate([user("a"), assistant("b", {**call("1"), **MARK}), assistant("c", call("2")), user("d")])
    assert outline(outcome)[1] == ("assistant", ["b", "c", "call 1", "cachePoint", "call 2"])
    assert "messages.order" in outcome.approximated


def test_what_claude_produced_is_not_reordered(translate: Translate) -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    outcome = translate([user("a"), assistant(thinking, "b", thinking, call("1"), call("2")), user("d")])
    assert outline(outcome)[1][1] == ["reasoningContent", "b", "reasoningContent", "call 1", "call 2"]
    assert "messages.order" not in outcome.approximated


@pytest.mark.parametrize("blank", [" ", "\n", [], [{"type": "text", "text": " "}]])
def test_a_blank_message_of_the_user_at_either_end_is_refused(translate: Translate, blank: Any) -> None:
    """Without it the conversation would begin with the assistant, or end with an answer to be continued."""
    nothing = {"role": "user", "content": blank}
    with pytest.raises(InvalidRequest, match=r"^messages\.2: user messages must have non-empty content$"):
        translate([user("a"), assistant("b"), nothing])
    with pytest.raises(InvalidRequest, match=r"^messages\.0: user messages must have non-empty content$"):
        translate([nothing, assistant("b"), user("c")])


def test_a_blank_message_of_the_user_elsewhere_is_passed_over(translate: Translate) -> None:
    nothing = {"role": "user", "content": ""}
    assert outline(translate([nothing, user("a"), assistant("b"), nothing, user("c"), nothing])) == [
        ("user", ["a"]),
        ("assistant", ["b"]),
        ("user", ["c"]),
    ]
    assert outline(translate([user("a"), nothing, note("n")]))[0][0] == "user"
