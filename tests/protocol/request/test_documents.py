"""Documents and images."""

from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from time import perf_counter
from typing import Any

import pytest

from gateway.protocol.errors import InvalidRequest

Translate = Callable[..., Any]
CITED: dict[str, Any] = {"citations": {"enabled": True}}
MARK = {"cache_control": {"type": "ephemeral"}}
PDF = b64encode(b"%PDF-1.4 hello").decode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
JPEG = b"\xff\xd8\xff\xe0" + bytes(30)
GIF = b"GIF89a" + bytes(30)
WEBP = b"RIFF\0\0\0\0WEBPVP8 " + bytes(30)
BESIDE = {"type": "text", "text": "Read this."}


def pdf(**fields: Any) -> dict[str, Any]:
    return {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        **fields,
    }


def plain(data: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": data}, **fields}


def image(data: bytes | str, media_type: str = "image/png", **fields: Any) -> dict[str, Any]:
    data = data if isinstance(data, str) else b64encode(data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}, **fields}


def names(content: list[dict[str, Any]]) -> list[str]:
    return [block["document"]["name"] for block in content if "document" in block]


def test_a_pdf(translate_content: Translate) -> None:
    name = f"document-{sha256(PDF.encode()).hexdigest()[:8]}"
    assert translate_content(pdf(), BESIDE) == [
        {"document": {"format": "pdf", "name": name, "source": {"bytes": PDF}}},
        {"text": "Read this."},
    ]


def test_a_pdf_without_citations_is_read_by_its_text_alone(translate: Translate) -> None:
    assert translate([{"role": "user", "content": [pdf(), BESIDE]}]).approximated == ("content.document",)
    cited = translate([{"role": "user", "content": [pdf(citations={"enabled": True}), BESIDE]}])
    assert cited.approximated == ()
    assert cited.turns[0]["content"][0]["document"]["citations"] == {"enabled": True}


def test_plain_text(translate_content: Translate) -> None:
    content = translate_content(plain("hell\u00f6"), BESIDE)
    assert content[0]["document"]["format"] == "txt"
    assert content[0]["document"]["source"] == {"bytes": b64encode("hell\u00f6".encode()).decode()}


@pytest.mark.parametrize(
    ("content", "texts"),
    [("a", ["a"]), ([{"type": "text", "text": "a"}, {"type": "text", "text": " "}, BESIDE], ["a", "Read this."])],
)
def test_content_of_the_callers_own(translate_content: Translate, content: Any, texts: list[str]) -> None:
    block = {"type": "document", "source": {"type": "content", "content": content}, **CITED}
    document = translate_content(block, BESIDE)[0]["document"]
    assert document["source"] == {"content": [{"text": text} for text in texts]}


def test_content_of_the_callers_own_is_one_text_without_citations(translate: Translate) -> None:
    block = {"type": "document", "source": {"type": "content", "content": [BESIDE, BESIDE]}}
    outcome = translate([{"role": "user", "content": [block, BESIDE]}])
    document = outcome.turns[0]["content"][0]["document"]
    assert document["source"] == {"bytes": b64encode(b"Read this.\nRead this.").decode()}
    assert outcome.approximated == ("content.document.source.content",)


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "hell\u00f6"},
        {"type": "base64", "media_type": "text/plain", "data": b64encode("hell\u00f6".encode()).decode()},
    ],
)
def test_text_that_is_cited_is_not_sent_as_bytes(translate_content: Translate, source: dict[str, Any]) -> None:
    document = translate_content({"type": "document", "source": source, **CITED}, BESIDE)[0]["document"]
    assert document["source"] == {"text": "hell\u00f6"}
    assert document["citations"] == {"enabled": True}


def test_text_that_is_cited_must_be_utf_8(translate_content: Translate) -> None:
    source = {"type": "base64", "media_type": "text/plain", "data": b64encode(b"\xff").decode()}
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.0\.source\.data: not text in UTF-8"):
        translate_content({"type": "document", "source": source, **CITED}, BESIDE)


def test_text_of_another_format_is_cited_as_plain_text(translate: Translate) -> None:
    source = {"type": "base64", "media_type": "text/csv", "data": "YSxi"}
    outcome = translate([{"role": "user", "content": [{"type": "document", "source": source, **CITED}, BESIDE]}])
    document = outcome.turns[0]["content"][0]["document"]
    assert (document["format"], document["source"]) == ("txt", {"text": "a,b"})
    assert document["citations"] == {"enabled": True}
    assert outcome.approximated == ("content.document.citations",)


def test_citations_of_office_files_are_dropped_by_name(translate: Translate) -> None:
    source = {"type": "base64", "media_type": "application/msword", "data": "0M8R4A=="}
    outcome = translate([{"role": "user", "content": [{"type": "document", "source": source, **CITED}, BESIDE]}])
    assert "citations" not in outcome.turns[0]["content"][0]["document"]
    assert outcome.dropped == ("content.document.citations",)


def test_a_text_in_a_tool_result_that_should_be_cited_is_no_document(translate: Translate) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [plain(**CITED)]}
    outcome = translate([{"role": "user", "content": [result]}])
    content = outcome.turns[0]["content"][0]["toolResult"]["content"]
    assert content == [{"text": "<document>\nhello\n</document>"}]
    assert outcome.dropped == ("content.document.citations",)
    assert outcome.approximated == ("content.document",)


def test_a_pdf_in_a_tool_result_is_not_cited(translate: Translate) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [pdf(**CITED)]}
    outcome = translate([{"role": "user", "content": [result]}])
    assert "citations" not in outcome.turns[0]["content"][0]["toolResult"]["content"][0]["document"]
    assert outcome.dropped == ("content.document.citations",)


@pytest.mark.parametrize(
    ("media_type", "document_format"),
    [("text/csv", "csv"), ("text/html", "html"), ("text/markdown", "md"), ("Text/Plain", "txt")],
)
def test_other_kinds_of_files(translate_content: Translate, media_type: str, document_format: str) -> None:
    for source in ({"type": "base64", "data": "YQ=="}, {"type": "text", "data": "a"}):
        block = {"type": "document", "source": {**source, "media_type": media_type}}
        document = translate_content(block, BESIDE)[0]["document"]
        assert (document["format"], document["source"]) == (document_format, {"bytes": "YQ=="})


def test_context_and_citations(translate_content: Translate) -> None:
    document = translate_content(plain(context="Draft.", citations={"enabled": False}), BESIDE)[0]["document"]
    assert document["context"] == "Draft."
    assert "citations" not in document


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Report", "Report"),
        ("annual_report  2026.v2.pdf", "annual report 2026 v2"),
        ("a (1) [x] b-c.docx", "a (1) [x] b-c"),
        ("x" * 300, "x" * 200),
        ("a/b\\c\n d", "a b c d"),
    ],
)
def test_a_title_becomes_a_legal_name(translate_content: Translate, title: str, name: str) -> None:
    assert names(translate_content(plain(title=title), BESIDE)) == [name]


def test_a_changed_title_is_disclosed(translate: Translate) -> None:
    changed = translate([{"role": "user", "content": [plain(title="a_b"), BESIDE]}])
    assert changed.approximated == ("content.document.title",)
    kept = translate([{"role": "user", "content": [plain(title="a b"), BESIDE]}])
    assert kept.approximated == ()


@pytest.mark.parametrize("title", [None, "", "\u00e4\u20ac", "..."])
def test_without_a_usable_title_the_content_names_the_document(translate_content: Translate, title: str | None) -> None:
    [name] = names(translate_content(plain(title=title), BESIDE))
    assert name == f"document-{sha256(b'hello').hexdigest()[:8]}"


def test_names_are_unique_over_the_whole_request(translate: Translate) -> None:
    call = {"type": "tool_use", "id": "a", "name": "Read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [plain(title="x"), plain(title="x (2)")]}
    turns = translate(
        [
            {"role": "user", "content": [plain(title="x"), plain(title="x.pdf"), BESIDE]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result, plain(), plain(), BESIDE]},
        ]
    ).turns
    inside = names(turns[2]["content"][0]["toolResult"]["content"])
    everything = names(turns[0]["content"]) + inside + names(turns[2]["content"])
    assert everything[:4] == ["x", "x (2)", "x (3)", "x (2) (2)"]
    assert len(set(everything)) == 6


def test_a_repeated_long_name_stays_within_the_limit(translate_content: Translate) -> None:
    first, second = names(translate_content(plain(title="x" * 300), plain(title="x" * 300), BESIDE))
    assert (len(first), len(second)) == (200, 200)
    assert first != second


def test_a_document_without_text_beside_it_gets_one(translate: Translate) -> None:
    outcome = translate([{"role": "user", "content": [plain(), pdf(**MARK)]}])
    kinds = [next(iter(block)) for block in outcome.turns[0]["content"]]
    assert kinds == ["document", "document", "text", "cachePoint"]
    assert "content.document" in outcome.approximated


def test_a_document_needs_no_text_where_its_turn_has_one_already(translate: Translate) -> None:
    outcome = translate([{"role": "user", "content": [BESIDE]}, {"role": "user", "content": [plain()]}])
    assert [next(iter(block)) for block in outcome.turns[0]["content"]] == ["text", "document"]
    assert outcome.approximated == ()


def test_the_text_beside_a_document_stays_when_a_later_message_brings_one(translate: Translate) -> None:
    alone = translate([{"role": "user", "content": [plain()]}]).turns[0]["content"]
    followed = translate([{"role": "user", "content": [plain()]}, {"role": "user", "content": [BESIDE]}])
    assert followed.turns[0]["content"] == [*alone, {"text": "Read this."}]


def test_a_document_inside_a_tool_result_needs_no_text(translate: Translate) -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": [plain()]}
    assert len(translate([{"role": "user", "content": [result]}]).turns[0]["content"]) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"type": "url", "url": "https://example.org/a.pdf"}, r"source: Documents by URL are not fetched"),
        ({"type": "file", "file_id": "f"}, r"source: 'file' sources need"),
        ({"type": "base64", "media_type": "video/mp4", "data": "YQ=="}, r"source\.media_type: documents of type"),
        ({"type": "base64", "media_type": "application/pdf", "data": "%"}, r"source\.data: not valid base64"),
        ({"type": "base64", "media_type": "application/pdf", "data": ""}, r"source\.data: empty"),
        ({"type": "text", "media_type": "text/plain", "data": ""}, r"source\.data: empty"),
        ({"type": "text", "media_type": "application/pdf", "data": "a"}, r"source\.media_type: .* is no text"),
        ({"type": "text", "media_type": "video/mp4", "data": "a"}, r"source\.media_type: documents of type"),
        ({"type": "content", "content": []}, r"source\.content: empty"),
        ({"type": "content", "content": [image(PNG)]}, r"source\.content\.0: Bedrock takes no images"),
    ],
)
def test_what_cannot_be_sent_is_refused(translate_content: Translate, source: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"^messages\.0\.content\.0\.{message}"):
        translate_content({"type": "document", "source": source})


def test_an_image_keeps_its_base64(translate_content: Translate) -> None:
    data = b64encode(PNG).decode()
    assert translate_content(image(PNG)) == [{"image": {"format": "png", "source": {"bytes": data}}}]


@pytest.mark.parametrize(("data", "image_format"), [(PNG, "png"), (JPEG, "jpeg"), (GIF, "gif"), (WEBP, "webp")])
def test_the_first_bytes_of_an_image_decide(translate: Translate, data: bytes, image_format: str) -> None:
    outcome = translate([{"role": "user", "content": [image(data, "image/bmp")]}])
    assert outcome.turns[0]["content"][0]["image"]["format"] == image_format
    assert outcome.approximated == ()


@pytest.mark.parametrize(("media_type", "image_format"), [("image/jpg", "jpeg"), ("IMAGE/PNG", "png")])
def test_the_declared_type_counts_where_the_bytes_say_nothing(
    translate_content: Translate, media_type: str, image_format: str
) -> None:
    assert translate_content(image(b"abc", media_type))[0]["image"]["format"] == image_format


def test_line_breaks_in_base64_are_taken_out(translate_content: Translate) -> None:
    data = b64encode(PNG).decode()
    folded = f"{data[:20]}\r\n{data[20:]}\n"
    assert translate_content(image(folded))[0]["image"]["source"]["bytes"] == data


@pytest.mark.parametrize(
    "data", ["a", "YQ", "YQ=", "Y=Q=", "=YQ=", "Y-_=", "YQ==YQ==", "YQ===", "\u20ac\u20ac\u20ac\u20ac"]
)
def test_bad_base64_is_refused_with_its_path(translate_content: Translate, data: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.0\.source\.data: not valid base64"):
        translate_content(image(data))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"type": "url", "url": "https://example.org/a.png"}, r"source: Images by URL are not fetched"),
        ({"type": "file", "file_id": "f"}, r"source: 'file' sources need"),
        ({"type": "base64", "media_type": "image/tiff", "data": "YWJj"}, r"source\.media_type: images must be"),
    ],
)
def test_an_image_that_cannot_be_sent_is_refused(
    translate_content: Translate, source: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=rf"^messages\.0\.content\.0\.{message}"):
        translate_content({"type": "image", "source": source})


def test_a_bad_image_inside_a_tool_result_is_found(translate_content: Translate) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.0\.content\.0\.content\.1\.source\.data: not valid base64"):
        translate_content({"type": "tool_result", "tool_use_id": "a", "content": [BESIDE, image("%")]})


@pytest.mark.parametrize("oversized_image", ["downsize", "error"])
def test_what_to_do_with_large_images_is_dropped_by_name(translate: Translate, oversized_image: str) -> None:
    block = image(PNG, transformations={"oversized_image": oversized_image})
    assert translate([{"role": "user", "content": [block]}]).dropped == ("content.image.transformations",)


def test_many_images_all_arrive(translate_content: Translate) -> None:
    assert len(translate_content(*[image(PNG)] * 30)) == 30


def test_a_repeated_long_title_never_has_two_spaces_in_a_row(translate_content: Translate) -> None:
    title = f"{'a' * 195} {'b' * 4}"
    content = translate_content(plain(title=title), plain(title=title), BESIDE)
    assert names(content) == [title, f"{'a' * 195} (2)"]


def test_documents_without_a_text_take_no_longer_for_being_many(translate: Translate) -> None:
    """A request that is made to be slow must not hold up the others."""

    def seconds(*content: dict[str, Any]) -> float:
        conversation = [{"role": "user", "content": list(content)}] * 2000
        started = perf_counter()
        translate(conversation)
        return perf_counter() - started

    assert min(seconds(plain()) for _ in range(2)) < 4 * min(seconds(plain(), BESIDE) for _ in range(2))
