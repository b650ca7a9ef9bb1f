"""Citations: what may be cited, how an answer cites each kind of source, and what may come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.simulator.conftest import GPT_OSS, MODEL

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

ON: Final = {"enabled": True}
OFF: Final = {"enabled": False}


def document(name: str, form: str = "txt", cited: Any = ON, **source: Any) -> dict[str, Any]:
    return {"document": {"name": name, "format": form, "source": source, "citations": cited}}


def search_result(cited: Any = ON) -> dict[str, Any]:
    content = [{"text": "Water boils at 100 degrees."}]
    found = {"source": "https://example.com/water", "title": "Water", "content": content, "citations": cited}
    return {"searchResult": found}


def asking(*blocks: Any) -> list[Any]:
    return [{"role": "user", "content": [{"text": "Hello?"}, *blocks]}]


SOURCES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("char", document("Notes", text="Snow."), {"documentChar": {"documentIndex": 0, "start": 0, "end": 5}}),
    ("page", document("Paper", "pdf", bytes="JVBERi0="), {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}),
    (
        "chunk",
        document("Parts", content=[{"text": "One."}, {"text": "Two."}]),
        {"documentChunk": {"documentIndex": 0, "start": 0, "end": 1}},
    ),
    ("search", search_result(), {"searchResultLocation": {"searchResultIndex": 0, "start": 0, "end": 1}}),
]


@pytest.mark.parametrize(("kind", "source", "location"), SOURCES, ids=[case[0] for case in SOURCES])
async def test_each_kind_of_source_is_cited_in_its_way(
    wire: WireClient, kind: str, source: dict[str, Any], location: dict[str, Any]
) -> None:
    reply = await wire.stream(asking(source))
    (cited,) = [delta["citation"] for delta in reply.deltas if "citation" in delta]
    assert cited["location"] == location
    assert cited["sourceContent"][0]["text"]
    scripted = (await wire.stream(asking(source, {"text": f"[[cite:{kind} So it says.]]"}))).events
    texts = [payload["delta"] for name, payload in scripted if name == "contentBlockDelta"]
    assert "".join(delta.get("text", "") for delta in texts) == "So it says."
    assert texts[-1]["citation"] == cited
    assert {payload["contentBlockIndex"] for name, payload in scripted if "Delta" in name} == {0}


async def test_a_whole_answer_has_cited_text_in_a_block_of_its_own_form(wire: WireClient) -> None:
    content = (await wire.whole("[[say:a]][[cite:web On a page.]]")).body["output"]["message"]["content"]
    assert content[0] == {"text": "a"}
    assert content[1]["citationsContent"]["content"] == [{"text": "On a page."}]
    (cited,) = content[1]["citationsContent"]["citations"]
    assert cited["location"]["web"]["domain"] == "example.com"


async def test_what_may_not_be_cited_is_not(wire: WireClient) -> None:
    reply = await wire.stream(asking(document("Notes", cited=OFF, text="Snow."), search_result(OFF)))
    assert not any("citation" in delta for delta in reply.deltas)


async def test_cited_text_comes_back_in_the_history(wire: WireClient) -> None:
    source = document("Notes", text="Snow.")
    answer = (await wire.whole(asking(source))).body["output"]["message"]
    assert any("citationsContent" in block for block in answer["content"])
    again = [*asking(source), answer, {"role": "user", "content": [{"text": "[[say:yes]]"}]}]
    assert (await wire.stream(again)).text == "yes"


REFUSED: list[tuple[str, list[Any], str]] = [
    (
        "one document of two",
        asking(document("a", text="a"), document("b", cited=OFF, text="b")),
        MODEL + "messages: citations must be enabled on all or none of the document blocks in a request",
    ),
    (
        "one result of two",
        asking(search_result(), search_result(OFF)),
        MODEL + "messages: citations must be enabled on all or none of the searchResult blocks in a request",
    ),
    (
        "a blank text that is cited",
        [
            *asking(),
            {"role": "assistant", "content": [{"citationsContent": {"content": [{"text": " "}], "citations": []}}]},
            *asking(),
        ],
        MODEL + "messages: text content blocks must contain non-whitespace text",
    ),
    (
        "a citation by the user",
        asking({"citationsContent": {"content": [{"text": "a"}], "citations": []}}),
        MODEL + "messages.0.content: 'citationsContent' blocks are not permitted within user turns.",
    ),
]


@pytest.mark.parametrize(("messages", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_citations_have_rules(wire: WireClient, messages: list[Any], message: str) -> None:
    reply = await wire.stream(messages)
    assert (reply.status, reply.message) == (400, message)


async def test_an_unknown_kind_of_citation_is_no_marker(wire: WireClient) -> None:
    assert (
        "one of char, page, chunk, search, web and a text are wanted" in (await wire.stream("[[cite:star x]]")).message
    )


@pytest.mark.parametrize("block", [document("Notes", text="a"), search_result()], ids=["document", "search result"])
async def test_other_models_cite_nothing(wire: WireClient, block: dict[str, Any]) -> None:
    assert "This model doesn't support the" in (await wire.stream(asking(block), GPT_OSS)).message
