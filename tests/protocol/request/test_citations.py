"""Citations: what is cited in the history goes back to Bedrock, and search results come to it."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.citations import from_citation
from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
CITED = {"citations": {"enabled": True}}
CHAR = {
    "type": "char_location",
    "cited_text": "Grass is green.",
    "document_index": 0,
    "document_title": "Colours",
    "start_char_index": 3,
    "end_char_index": 18,
    "file_id": None,
}
PAGE = {
    "type": "page_location",
    "cited_text": "Grass is green.",
    "document_index": 1,
    "document_title": "Colours",
    "start_page_number": 1,
    "end_page_number": 2,
    "file_id": None,
}
CHUNK = {
    "type": "content_block_location",
    "cited_text": "Grass is green.",
    "document_index": 2,
    "document_title": None,
    "start_block_index": 0,
    "end_block_index": 4,
    "file_id": None,
}
SEARCHED = {
    "type": "search_result_location",
    "cited_text": "Grass is green.",
    "search_result_index": 0,
    "source": "https://example.org",
    "title": "Colours",
    "start_block_index": 0,
    "end_block_index": 1,
}
FROM_THE_WEB = {
    "type": "web_search_result_location",
    "cited_text": "Grass is green.",
    "encrypted_index": "Eo8B",
    "title": "Colours",
    "url": "https://example.org",
}


def said(*citations: dict[str, Any] | None) -> dict[str, Any]:
    return {"type": "text", "text": "Green.", "citations": list(citations)}


def answered(translate: Translate, block: dict[str, Any], **fields: Any) -> Any:
    user = {"role": "user", "content": "What colour is grass?"}
    return translate([user, {"role": "assistant", "content": [block]}, user], **fields)


def searched(**fields: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "Grass is green."}, {"type": "text", "text": " "}]
    return {"type": "search_result", "source": "https://example.org", "title": "Colours", "content": content, **fields}


@pytest.mark.parametrize("citation", [CHAR, PAGE, CHUNK])
def test_a_citation_of_a_document_goes_back_value_for_value(translate: Translate, citation: dict[str, Any]) -> None:
    outcome = answered(translate, said(citation))
    content = outcome.turns[1]["content"][0]["citationsContent"]
    assert content["content"] == [{"text": "Green."}]
    assert [from_citation(back) for back in content["citations"]] == [citation]
    assert (outcome.dropped, outcome.approximated) == ((), ())


@pytest.mark.parametrize("citation", [CHAR, PAGE, CHUNK])
def test_the_file_of_a_citation_is_dropped_by_name(translate: Translate, citation: dict[str, Any]) -> None:
    outcome = answered(translate, said({**citation, "file_id": "file_1"}))
    assert outcome.dropped == (f"content.text.citations.{citation['type']}.file_id",)


def test_several_citations_keep_their_order(translate: Translate) -> None:
    citations = answered(translate, said(PAGE, CHAR, CHUNK)).turns[1]["content"][0]["citationsContent"]["citations"]
    assert [next(iter(citation["location"])) for citation in citations] == [
        "documentPage",
        "documentChar",
        "documentChunk",
    ]


def test_a_citation_without_numbers_goes_back_without_them(translate: Translate) -> None:
    bare = {"type": "char_location", "cited_text": "", "start_char_index": None}
    content = answered(translate, said(bare)).turns[1]["content"][0]["citationsContent"]
    assert content["citations"] == [{"location": {"documentChar": {}}}]


@pytest.mark.parametrize("citation", [SEARCHED, FROM_THE_WEB])
def test_a_citation_that_cannot_go_back_leaves_its_text(translate: Translate, citation: dict[str, Any]) -> None:
    outcome = answered(translate, said(citation))
    assert outcome.turns[1]["content"] == [{"text": "Green."}]
    assert outcome.approximated == (f"content.text.citations.{citation['type']}",)


def test_the_others_still_go_back(translate: Translate) -> None:
    outcome = answered(translate, said(SEARCHED, CHAR))
    citations = outcome.turns[1]["content"][0]["citationsContent"]["citations"]
    assert [from_citation(citation) for citation in citations] == [CHAR]


def test_no_citations_are_plain_text(translate: Translate) -> None:
    for block in (said(), {**said(), "citations": None}):
        assert answered(translate, block).turns[1]["content"] == [{"text": "Green."}]


def test_on_a_model_without_citations_the_text_stays(translate: Translate) -> None:
    outcome = answered(translate, said(CHAR), model="gpt-oss-120b")
    assert outcome.turns[1]["content"] == [{"text": "Green."}]
    assert "content.text.citations" in outcome.approximated


@pytest.mark.parametrize("role", ["user", "system"])
def test_cited_text_that_is_not_the_assistants_is_plain(translate: Translate, role: str) -> None:
    outcome = translate([{"role": "user", "content": "Hello."}, {"role": role, "content": [said(CHAR)]}])
    assert "Green." in outcome.turns[0]["content"][1]["text"]
    assert "content.text.citations" in outcome.approximated


def test_cited_text_in_the_system_prompt_and_in_tool_results_is_plain(translate: Translate) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [said(CHAR)]}
    in_a_result = translate([{"role": "user", "content": [result]}])
    assert in_a_result.turns[0]["content"][0]["toolResult"]["content"] == [{"text": "Green."}]
    in_the_system = translate(system=[said(CHAR)])
    assert in_the_system.request["system"] == [{"text": "Green."}]
    for outcome in (in_a_result, in_the_system):
        assert "content.text.citations" in outcome.approximated


def test_text_behind_a_tool_call_moves_before_it_with_its_citations(translate: Translate) -> None:
    call = {"type": "tool_use", "id": "a", "name": "Read", "input": {}}
    outcome = translate([{"role": "assistant", "content": [call, said(CHAR)]}])
    assert [next(iter(block)) for block in outcome.turns[0]["content"]] == ["citationsContent", "toolUse"]


def test_a_search_result_in_a_message_and_in_a_tool_result(
    translate: Translate, bedrock_takes: Callable[[Any], None]
) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [searched(**CITED)]}
    outcome = translate([{"role": "user", "content": [result, searched(citations={"enabled": False})]}])
    first, second = outcome.turns[0]["content"]
    source = {"source": "https://example.org", "title": "Colours", "content": [{"text": "Grass is green."}]}
    assert first["toolResult"]["content"] == [{"searchResult": {**source, **CITED}}]
    assert second == {"searchResult": {**source, "citations": {"enabled": False}}}
    bedrock_takes(outcome.request)


def test_a_search_result_is_text_on_a_model_that_takes_none(translate: Translate) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [searched()]}
    outcome = translate([{"role": "user", "content": [result, searched()]}], model="nova-pro")
    text = "<search_result>\ntitle: Colours\nsource: https://example.org\n\nGrass is green.\n</search_result>"
    assert outcome.turns[0]["content"][0]["toolResult"]["content"] == [{"text": text}]
    assert outcome.turns[0]["content"][1] == {"text": text}
    assert "content.search_result" in outcome.approximated


def test_an_empty_search_result_is_refused(translate_content: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.0\.content: empty"):
        translate_content(searched(content=[]))


def test_a_cache_mark_inside_a_search_result_is_named(translate: Translate) -> None:
    content = [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]
    outcome = translate([{"role": "user", "content": [searched(content=content)]}])
    assert outcome.dropped == ("content.cache_control",)


def test_an_unknown_kind_of_citation_is_refused_with_its_path(translate: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.1\.content\.0\.citations\.0\.type: 'moon_location'"):
        answered(translate, said({"type": "moon_location"}))
