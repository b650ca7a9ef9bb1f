"""One block at a time: text, thinking, tool calls and their results."""

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
CALL = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


def result(content: Any = None, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "toolu_1", "content": content, **fields}


def tool_result(translate: Translate, block: dict[str, Any]) -> Any:
    outcome = translate([{"role": "assistant", "content": [CALL]}, {"role": "user", "content": [block]}])
    return outcome.turns[1]["content"][0]["toolResult"]


def test_text_passes_as_it_is(translate_content: Translate) -> None:
    assert translate_content(text("  a\n\u20ac ")) == [{"text": "  a\n\u20ac "}]


def test_a_string_is_one_text_block(translate: Translate) -> None:
    assert translate("Hello.").turns == [{"role": "user", "content": [{"text": "Hello."}]}]


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u3000"])
def test_blank_text_is_removed(translate_content: Translate, blank: str) -> None:
    assert translate_content(text("a"), text(blank), text("b")) == [{"text": "a"}, {"text": "b"}]


def test_signed_thinking_is_byte_identical(translate_content: Translate) -> None:
    block = {"type": "thinking", "thinking": " hm\u20ac\n", "signature": "EqQB/+=="}
    assert translate_content(block, text("a"), role="assistant") == [
        {"reasoningContent": {"reasoningText": {"text": " hm\u20ac\n", "signature": "EqQB/+=="}}},
        {"text": "a"},
    ]


def test_empty_thinking_with_a_signature_is_kept(translate_content: Translate) -> None:
    block = {"type": "thinking", "thinking": "", "signature": "EqQB"}
    assert translate_content(block, role="assistant") == [
        {"reasoningContent": {"reasoningText": {"text": "", "signature": "EqQB"}}}
    ]


@pytest.mark.parametrize("extra", [{}, {"signature": ""}, {"signature": None}])
def test_unsigned_thinking_is_dropped_by_name(translate: Translate, extra: dict[str, Any]) -> None:
    content = [{"type": "thinking", "thinking": "hm", **extra}, text("a")]
    outcome = translate([{"role": "assistant", "content": content}])
    assert outcome.turns == [{"role": "assistant", "content": [{"text": "a"}]}]
    assert outcome.dropped == ("content.thinking",)


def test_redacted_thinking_is_base64_of_its_own_base64(translate_content: Translate) -> None:
    content = translate_content({"type": "redacted_thinking", "data": "Eu8ECkgIBxABGAI="}, role="assistant")
    assert content == [{"reasoningContent": {"redactedContent": b64encode(b"Eu8ECkgIBxABGAI=").decode()}}]
    assert content[0]["reasoningContent"]["redactedContent"].startswith("RXU4R")


def test_thinking_between_texts_keeps_its_place(translate_content: Translate) -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    content = translate_content(text("a"), thinking, text("b"), role="assistant")
    assert [next(iter(block)) for block in content] == ["text", "reasoningContent", "text"]


def test_a_tool_call_keeps_its_id_and_input(translate_content: Translate) -> None:
    arguments = {"b": [1, 2.5, None, {"camelCase": True}], "a": 2**63}
    content = translate_content({**CALL, "input": arguments}, role="assistant")
    assert content == [{"toolUse": {"toolUseId": "toolu_1", "name": "Bash", "input": arguments}}]


@pytest.mark.parametrize("extra", [{}, {"input": None}])
def test_a_tool_call_without_input_has_an_empty_one(translate: Translate, extra: dict[str, Any]) -> None:
    call = {"type": "tool_use", "id": "a", "name": "Bash", **extra}
    outcome = translate([{"role": "assistant", "content": [call]}])
    assert outcome.turns[0]["content"][0]["toolUse"]["input"] == {}
    assert outcome.approximated == ("tools",)


def test_an_input_that_is_no_object_is_disclosed(translate: Translate) -> None:
    outcome = translate([{"role": "assistant", "content": [{**CALL, "input": "ls"}]}])
    assert outcome.turns[0]["content"][0]["toolUse"]["input"] == {}
    assert "content.tool_use.input" in outcome.approximated


@pytest.mark.parametrize("tool_use_id", ["", "a b", "ä", "x" * 65, "functions/get:0"])
def test_an_odd_id_is_made_legal_alike_for_call_and_result(translate: Translate, tool_use_id: str) -> None:
    outcome = translate(
        [
            {"role": "assistant", "content": [{**CALL, "id": tool_use_id}]},
            {"role": "user", "content": [{**result("x"), "tool_use_id": tool_use_id}]},
        ]
    )
    call_id = outcome.turns[0]["content"][0]["toolUse"]["toolUseId"]
    assert call_id == outcome.turns[1]["content"][0]["toolResult"]["toolUseId"]
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", call_id)


def test_legal_ids_stay(translate_content: Translate) -> None:
    for tool_use_id in ("functions.get_temperature:0", "tooluse_A-b_9", "x" * 64):
        content = translate_content({**CALL, "id": tool_use_id}, role="assistant")
        assert content[0]["toolUse"]["toolUseId"] == tool_use_id


def test_similar_odd_ids_stay_different(translate: Translate) -> None:
    calls = [{**CALL, "id": "a b"}, {**CALL, "id": "a/b"}]
    content = translate([{"role": "assistant", "content": calls}]).turns[0]["content"]
    assert content[0]["toolUse"]["toolUseId"] != content[1]["toolUse"]["toolUseId"]


def test_a_result_of_text(translate: Translate) -> None:
    assert tool_result(translate, result("hi\n")) == {
        "toolUseId": "toolu_1",
        "content": [{"text": "hi\n"}],
        "status": "success",
    }


@pytest.mark.parametrize("content", [None, "", "  ", [], [text("")], [text(" \n")]])
def test_a_result_without_content_gets_a_placeholder(translate: Translate, content: Any) -> None:
    assert tool_result(translate, result(content))["content"] == [{"text": "(no output)"}]


def test_a_result_may_leave_out_its_content(translate: Translate) -> None:
    block = {"type": "tool_result", "tool_use_id": "toolu_1"}
    assert tool_result(translate, block)["content"] == [{"text": "(no output)"}]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, "success"), ({"is_error": None}, "success"), ({"is_error": False}, "success"), ({"is_error": True}, "error")],
)
def test_the_status_of_a_result(translate: Translate, fields: dict[str, Any], status: str) -> None:
    assert tool_result(translate, result("x", **fields))["status"] == status


def test_a_result_of_several_blocks(translate: Translate) -> None:
    png = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hello"}}
    content = tool_result(translate, result([text("a"), text(" "), image, document]))["content"]
    assert content[:2] == [{"text": "a"}, {"image": {"format": "png", "source": {"bytes": png}}}]
    assert content[2]["document"]["source"] == {"bytes": "aGVsbG8="}


def test_a_tool_reference_becomes_a_text(translate: Translate) -> None:
    long = "mcp__server__" + "x" * 60
    references = [{"type": "tool_reference", "tool_name": name} for name in ("CronList", long)]
    outcome = translate([{"role": "assistant", "content": [CALL]}, {"role": "user", "content": [result(references)]}])
    content = outcome.turns[1]["content"][0]["toolResult"]["content"]
    wire = next(name for name, client in outcome.translation.tool_names.items() if client == long)
    assert content == [{"text": "Tool CronList is now available."}, {"text": f"Tool {wire} is now available."}]


@pytest.mark.parametrize("kind", ["tool_addition", "tool_removal"])
def test_tools_are_not_added_by_users(translate_content: Translate, kind: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.1: .*role 'system'"):
        translate_content(text("a"), {"type": kind, "tool": {"type": "tool_reference", "name": "a"}})


@pytest.mark.parametrize("caller", [{"type": "direct"}, {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}])
def test_who_made_a_call_is_dropped_by_name(translate: Translate, caller: dict[str, str]) -> None:
    outcome = translate(
        [{"role": "assistant", "content": [{**CALL, "caller": caller}]}, {"role": "user", "content": "a"}]
    )
    assert outcome.turns[0]["content"][0]["toolUse"]["name"] == "Bash"
    assert outcome.dropped == ("content.tool_use.caller",)


def test_toolsets_are_dropped_by_name(translate: Translate) -> None:
    call = {**CALL, "toolset_name": "browser"}
    given = result("x", toolset_name="browser")
    outcome = translate([{"role": "assistant", "content": [call]}, {"role": "user", "content": [given]}])
    assert outcome.dropped == ("content.tool_use.toolset_name", "content.tool_result.toolset_name")


def test_unknown_fields_of_a_block_are_dropped_by_name(translate: Translate) -> None:
    outcome = translate([{"role": "user", "content": [text("a", mood="green")]}])
    assert outcome.turns == [{"role": "user", "content": [{"text": "a"}]}]
    assert outcome.dropped == ("content.text.mood",)
