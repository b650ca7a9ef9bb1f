"""Citations of an answer, streamed and whole, in all places that Converse can name."""

import json
from typing import Any

import pytest

from gateway.protocol.citations import LOCATIONS, WEB
from tests.protocol.reply.wire import METADATA, START, STOP, block_stop, delta, read, stream_of, whole
from tests.support.anthropic_stream import read_stream
from tests.support.botocore_model import shape
from tests.support.translation import accumulate, make_translator, translate

CITATION = {"title": "Report", "source": "s", "sourceContent": [{"text": "the "}, {"text": "words"}]}


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (
            {"documentChar": {"documentIndex": 0, "start": 3, "end": 9}},
            {"type": "char_location", "document_index": 0, "start_char_index": 3, "end_char_index": 9},
        ),
        (
            {"documentPage": {"documentIndex": 1, "start": 1, "end": 2}},
            {"type": "page_location", "document_index": 1, "start_page_number": 1, "end_page_number": 2},
        ),
        (
            {"documentChunk": {"documentIndex": 0, "start": 0, "end": 1}},
            {"type": "content_block_location", "document_index": 0, "start_block_index": 0, "end_block_index": 1},
        ),
    ],
)
def test_a_citation_of_a_document_reaches_the_text_it_belongs_to(
    location: dict[str, Any], expected: dict[str, Any]
) -> None:
    frames = [delta(0, text="It says so."), delta(0, citation={**CITATION, "location": location}), block_stop(0)]
    stream = stream_of(START, *frames, STOP, METADATA)
    citation = {**expected, "cited_text": "the words", "document_title": "Report", "file_id": None}
    (block,) = read_stream(stream).blocks
    assert block == {"type": "text", "text": "It says so.", "citations": [citation]}
    assert json.loads(accumulate(stream))["content"] == [block]


def test_a_citation_of_a_search_result_keeps_its_source() -> None:
    location = {"searchResultLocation": {"searchResultIndex": 2, "start": 0, "end": 1}}
    frames = [delta(0, citation={**CITATION, "location": location}), delta(0, text="a"), block_stop(0)]
    (block,) = read(START, *frames, STOP, METADATA).blocks
    assert block["citations"][0]["source"] == "s"
    assert block["citations"][0]["search_result_index"] == 2


def test_a_citation_of_the_web_keeps_its_address_and_has_no_index_to_send_back() -> None:
    web = {**CITATION, "location": {"web": {"url": "https://example.org/a", "domain": "example.org"}}}
    frames = [START, delta(0, text="a"), delta(0, citation=web), block_stop(0), STOP, METADATA]
    citation = {
        "type": "web_search_result_location",
        "cited_text": "the words",
        "encrypted_index": "",
        "title": "Report",
        "url": "https://example.org/a",
    }
    assert read(*frames).blocks == [{"type": "text", "text": "a", "citations": [citation]}]
    assert whole(*frames)["content"] == [{"type": "text", "text": "a", "citations": [citation]}]


def test_a_citation_without_text_is_a_block_of_its_own() -> None:
    location = {"documentChar": {"documentIndex": 0, "start": 3, "end": 9}}
    frames = [START, delta(0, citation={**CITATION, "location": location}), block_stop(0), STOP, METADATA]
    (block,) = read(*frames).blocks
    assert block["text"] == ""
    assert block["citations"][0]["cited_text"] == "the words"
    assert whole(*frames)["content"] == [block]


@pytest.mark.parametrize(
    "location",
    [
        None,
        {},
        {"hologram": {"start": 1}},
        {"web": {}},
        {"documentChar": None},
        {"documentChar": {"start": 1, "end": 2}},
        {"documentPage": {"documentIndex": 0, "start": "1", "end": 2}},
        {"searchResultLocation": {"start": 0, "end": 1}},
    ],
)
def test_a_citation_of_no_known_place_is_counted_and_the_text_stays(location: Any) -> None:
    translator = make_translator()
    odd = delta(0, citation={**CITATION, "location": location})
    stream, error = translate([START + delta(0, text="a") + odd + block_stop(0) + STOP + METADATA], translator)
    assert error is None
    assert read_stream(stream).blocks == [{"type": "text", "text": "a"}]
    assert translator.unknown_events == 1


def test_every_citation_location_of_botocores_model_is_translated() -> None:
    assert set(shape("CitationLocation")["members"]) == {*LOCATIONS, WEB}
