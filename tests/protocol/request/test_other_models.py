"""Models that take less than Claude: what they refuse becomes something they take, or the caller hears why not."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
PNG = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
SENT_IMAGE = {"image": {"format": "png", "source": {"bytes": PNG}}}
NOTES = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grass is green."}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
BESIDE = "(The image of this result follows the results.)"


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def call(tool_use_id: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": "Read", "input": {}}


def result(tool_use_id: str, *content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": list(content), **fields}


TOOLS = [{"name": "Read", "input_schema": {"type": "object"}}]


def thought(signature: str | None) -> dict[str, Any]:
    return {"type": "thinking", "thinking": "Hm.", "signature": signature}


@pytest.mark.parametrize("messages", [[user(IMAGE)], [user(text("a")), assistant(call("1")), user(result("1", IMAGE))]])
def test_a_model_that_does_not_see_refuses_images_by_their_path(translate: Translate, messages: list[Any]) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^messages\.\d\.content\.0(\.content\.0)?: Could not process image: the model takes none"
    ):
        translate(messages, model="deepseek-v3.2", tools=TOOLS)


def test_a_document_of_text_is_a_text_for_a_model_without_documents(translate: Translate) -> None:
    titled = {**NOTES, "title": "Colours", "context": "Draft."}
    outcome = translate([user(NOTES, titled)], model="gpt-oss-120b")
    assert outcome.turns[0]["content"] == [
        {"text": "<document>\nGrass is green.\n</document>"},
        {"text": "<document>\ntitle: Colours\ncontext: Draft.\n\nGrass is green.\n</document>"},
    ]
    assert outcome.approximated == ("content.document",)


def test_so_is_one_that_comes_as_base64_and_one_in_a_tool_result(translate: Translate) -> None:
    csv = {"type": "document", "source": {"type": "base64", "media_type": "text/csv", "data": "YSxi"}}
    outcome = translate(
        [user(text("a")), assistant(call("1")), user(result("1", csv))], model="gpt-oss-120b", tools=TOOLS
    )
    [inner] = outcome.turns[2]["content"][0]["toolResult"]["content"]
    assert inner == {"text": "<document>\na,b\n</document>"}


def test_citations_of_a_document_that_is_a_text_are_dropped_by_name(translate: Translate) -> None:
    outcome = translate([user({**NOTES, "citations": {"enabled": True}})], model="gpt-oss-120b")
    assert outcome.dropped == ("content.document.citations",)


def test_a_pdf_is_refused_by_its_path_on_a_model_without_documents(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.0: The model does not support PDF input"):
        translate([user(PDF, text("Read this."))], model="gpt-oss-120b")


def test_a_model_that_cites_nothing_gets_the_document_without_citations(translate: Translate) -> None:
    outcome = translate([user({**NOTES, "citations": {"enabled": True}}, text("Read this."))], model="nova-pro")
    document = outcome.turns[0]["content"][0]["document"]
    assert "citations" not in document
    assert document["source"] == {"bytes": b64encode(b"Grass is green.").decode()}
    assert outcome.dropped == ("content.document.citations",)


def test_images_of_tool_results_follow_the_results(translate: Translate) -> None:
    messages = [
        user(text("a")),
        assistant(call("1"), call("2")),
        user(result("1", text("b"), IMAGE), result("2", text("c")), text("d")),
    ]
    outcome = translate(messages, model="gpt-6-sol", tools=TOOLS)
    first, second, *rest = outcome.turns[2]["content"]
    assert first["toolResult"]["content"] == [{"text": "b"}, {"text": BESIDE}]
    assert second["toolResult"]["content"] == [{"text": "c"}]
    assert rest == [{"text": "d"}, SENT_IMAGE]
    assert "content.image" in outcome.approximated


def test_they_also_follow_the_results_of_a_later_message(translate: Translate) -> None:
    messages = [
        user(text("a")),
        assistant(call("1"), call("2")),
        user(result("1", IMAGE)),
        user(result("2", text("c"))),
    ]
    content = translate(messages, model="gpt-6-sol", tools=TOOLS).turns[2]["content"]
    assert [next(iter(block)) for block in content] == ["toolResult", "toolResult", "image"]


def test_a_failed_tool_says_so_in_words_where_there_is_no_status(translate: Translate) -> None:
    messages = [user(text("a")), assistant(call("1")), user(result("1", text("b"), is_error=True))]
    outcome = translate(messages, model="gpt-oss-120b", tools=TOOLS)
    tool_result = outcome.turns[2]["content"][0]["toolResult"]
    assert tool_result == {"toolUseId": "1", "content": [{"text": "(The tool failed.)"}, {"text": "b"}]}
    assert "content.tool_result.is_error" in outcome.approximated


def test_a_tool_that_worked_needs_no_status(translate: Translate) -> None:
    messages = [user(text("a")), assistant(call("1")), user(result("1", text("b")))]
    outcome = translate(messages, model="gpt-oss-120b", tools=TOOLS)
    assert "status" not in outcome.turns[2]["content"][0]["toolResult"]
    assert outcome.approximated == ()


def test_results_and_text_of_one_turn_are_parted_where_the_model_wants_it(translate: Translate) -> None:
    messages = [user(text("a")), assistant(call("1")), user(text("b"), result("1", text("c"))), user(text("d"))]
    outcome = translate(messages, model="mistral-large-3", tools=TOOLS)
    assert [turn["role"] for turn in outcome.turns] == ["user", "assistant"] * 2 + ["user"]
    assert [next(iter(block)) for block in outcome.turns[2]["content"]] == ["toolResult"]
    assert outcome.turns[3:] == [
        {"role": "assistant", "content": [{"text": "."}]},
        {"role": "user", "content": [{"text": "b"}, {"text": "d"}]},
    ]
    assert "messages.turns" in outcome.approximated


def test_results_alone_and_text_alone_stay_as_they_are(translate: Translate) -> None:
    messages = [
        user(text("a")),
        assistant(call("1")),
        user(result("1", text("c"))),
        assistant(text("d")),
        user(text("e")),
    ]
    outcome = translate(messages, model="mistral-large-3", tools=TOOLS)
    assert len(outcome.turns) == 5
    assert "messages.turns" not in outcome.approximated


def test_a_conversation_that_the_assistant_begins_gets_a_turn_of_the_user_first(translate: Translate) -> None:
    outcome = translate([assistant(text("Welcome.")), user(text("Hello."))], model="nova-pro")
    assert outcome.turns[0] == {"role": "user", "content": [{"text": "."}]}
    assert [turn["role"] for turn in outcome.turns] == ["user", "assistant", "user"]
    assert outcome.approximated == ("messages.turns",)


def test_an_effort_of_a_message_is_disclosed_on_every_model(translate: Translate) -> None:
    directed = {**user(text("a")), "output_config": {"effort": "low"}}
    for model in ("gpt-oss-120b", "mistral-large-3", "claude-opus-5-5"):
        assert translate([directed], model=model).dropped == ("messages.output_config",)


def test_claude_takes_a_conversation_that_the_assistant_begins(translate: Translate) -> None:
    """Recorded on Sonnet 4.5."""
    outcome = translate([assistant(text("Welcome.")), user(text("Hello."))])
    assert outcome.turns[0]["role"] == "assistant"


@pytest.mark.parametrize(
    ("model", "signature", "sent"),
    [
        ("gpt-oss-120b", None, True),
        ("gpt-oss-120b", "", True),
        ("gpt-oss-120b", "EqQB", False),
        ("deepseek-v3.2", None, False),
        ("deepseek-v3.2", "EqQB", False),
        ("nova-pro", "EqQB", False),
    ],
)
def test_earlier_thinking_goes_back_only_where_it_is_taken(
    translate: Translate, model: str, signature: str | None, sent: bool
) -> None:
    outcome = translate([user(text("a")), assistant(thought(signature), text("b")), user(text("c"))], model=model)
    reasoning = [{"reasoningContent": {"reasoningText": {"text": "Hm."}}}] if sent else []
    assert outcome.turns[1]["content"] == [*reasoning, {"text": "b"}]
    assert outcome.dropped == (() if sent else ("content.thinking",))


def test_redacted_thinking_goes_back_to_claude_only(translate: Translate) -> None:
    messages = [user(text("a")), assistant({"type": "redacted_thinking", "data": "EqQB"}, text("b")), user(text("c"))]
    outcome = translate(messages, model="gpt-oss-120b")
    assert outcome.turns[1]["content"] == [{"text": "b"}]
    assert outcome.dropped == ("content.redacted_thinking",)


MARK = {"cache_control": {"type": "ephemeral"}}
MARKED: dict[str, Any] = {
    "messages": [user(text("a", **MARK))],
    "system": [text("s", **MARK)],
    "tools": [{**TOOLS[0], **MARK}],
    **MARK,
}


def test_a_model_without_prompt_caching_gets_no_cache_points(translate: Translate) -> None:
    outcome = translate(**MARKED, model="gpt-oss-120b")
    assert b"cachePoint" not in outcome.body
    names = {"cache_control", "content.cache_control", "system.cache_control", "tools.cache_control"}
    assert set(outcome.dropped) == names


def test_a_model_that_caches_only_some_parts_gets_points_there(translate: Translate) -> None:
    outcome = translate(**MARKED, model="nova-pro")
    assert outcome.body.count(b"cachePoint") == 2
    assert [next(iter(tool)) for tool in outcome.request["toolConfig"]["tools"]] == ["toolSpec"]
    assert outcome.dropped == ("tools.cache_control",)


@pytest.mark.parametrize("model", ["mistral-large-3", "gpt-6-sol", "nova-pro", "kimi-k2.5"])
def test_bedrocks_own_model_takes_a_conversation_of_all_kinds(
    translate: Translate, bedrock_takes: Callable[[Any], None], model: str
) -> None:
    messages = [
        user(text("a", **MARK), NOTES, IMAGE),
        assistant(thought("EqQB"), text("b"), call("1")),
        user(result("1", text("c"), IMAGE, is_error=True, **MARK), text("d")),
    ]
    bedrock_takes(translate(messages, model=model, tools=TOOLS).request)
