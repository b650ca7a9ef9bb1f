"""Cases: images, documents and search results."""

from base64 import b64encode
from typing import Final

from tests.matrix.building_blocks import (
    ALPHA,
    CITED,
    DEEPSEEK,
    FIRST,
    GPT,
    IMAGE,
    MISTRAL,
    NOVA,
    PDF,
    PDF_SOURCE,
    PNG_1X1,
    SEARCH,
    TEXT,
    TEXT_SOURCE,
    document,
    tool_result,
    user,
)
from tests.matrix.cases import ABSENT, RequestCase, approximated, dropped, kept, refused

_IMAGES: Final[tuple[RequestCase, ...]] = (
    kept("content.image", user(IMAGE), sent={FIRST: {"image": {"format": "png", "source": {"bytes": PNG_1X1}}}}),
    refused(
        "content.image/not_on_this_model",
        user(IMAGE, model=DEEPSEEK),
        says="Could not process image: the model takes none on Bedrock",
        at=FIRST,
    ),
    approximated(
        "content.image/beside_the_results",
        tool_result([IMAGE], model=GPT),
        sent={
            "messages.2.content.0.toolResult.content": [{"text": "(The image of this result follows the results.)"}],
            "messages.2.content.1.image.format": "png",
        },
        at="messages.2.content.0.content.0",
    ),
    dropped(
        "content.image.transformations",
        user({**IMAGE, "transformations": {"oversized_image": "downsize"}}),
        sent={FIRST: {"image": {"format": "png", "source": {"bytes": PNG_1X1}}}},
        at=f"{FIRST}.transformations",
    ),
    kept(
        "content.image.source.base64",
        user({**IMAGE, "source": {**IMAGE["source"], "media_type": "image/jpeg"}}),
        sent={FIRST: {"image": {"format": "png", "source": {"bytes": PNG_1X1}}}},
    ),
    refused(
        "content.image.source.url",
        user({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}),
        says="Images by URL are not fetched by this gateway",
        at=f"{FIRST}.source",
    ),
    refused(
        "content.image.source.file",
        user({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        says="need Anthropic's Files API, which Bedrock does not have; send the image",
        at=f"{FIRST}.source",
    ),
)

_DOCUMENTS: Final[tuple[RequestCase, ...]] = (
    kept(
        "content.document",
        user(document(TEXT_SOURCE, title="Notes", context="Mine.")),
        sent={f"{FIRST}.document": {"format": "txt", "name": "Notes", "source": {"bytes": ALPHA}, "context": "Mine."}},
    ),
    approximated(
        "content.document/pdf_without_pictures",
        user(document(PDF_SOURCE, title="Paper")),
        sent={f"{FIRST}.document": {"format": "pdf", "name": "Paper", "source": {"bytes": PDF}}},
        at=FIRST,
    ),
    approximated(
        "content.document/lonely",
        {"messages": [{"role": "user", "content": [document(TEXT_SOURCE, title="Notes")]}]},
        sent={"messages.0.content.1": {"text": "(The document is attached.)"}},
        harmless=True,
    ),
    approximated(
        "content.document/as_text",
        user(document(TEXT_SOURCE), model=DEEPSEEK),
        sent={FIRST: {"text": "<document>\nAlpha.\n</document>"}},
        at=FIRST,
    ),
    refused(
        "content.document/not_on_this_model",
        user(document(PDF_SOURCE), model=DEEPSEEK),
        says="The model does not support PDF input",
        at=FIRST,
    ),
    approximated(
        "content.document.title/renamed",
        user(document(TEXT_SOURCE, title="a/b: notes?.txt")),
        sent={f"{FIRST}.document.name": "a b notes"},
        at=f"{FIRST}.title",
    ),
    kept(
        "content.document.citations",
        user(document(TEXT_SOURCE, title="Notes", **CITED)),
        sent={f"{FIRST}.document.citations": {"enabled": True}, f"{FIRST}.document.source": {"text": "Alpha."}},
    ),
    dropped(
        "content.document.citations/not_on_this_model",
        user(document(TEXT_SOURCE, title="Notes", **CITED), model=NOVA),
        sent={f"{FIRST}.document.citations": ABSENT, f"{FIRST}.document.source": {"bytes": ALPHA}},
        at=f"{FIRST}.citations",
    ),
    dropped(
        "content.document.citations/in_a_tool_result",
        tool_result([document(TEXT_SOURCE, title="Notes", **CITED)], beside=TEXT),
        sent={"messages.2.content.0.toolResult.content.0.document.citations": ABSENT},
        at="messages.2.content.0.content.0.citations",
    ),
    approximated(
        "content.document.citations/as_plain_text",
        user(document({"type": "base64", "media_type": "text/csv", "data": ALPHA}, title="Table", **CITED)),
        sent={
            f"{FIRST}.document": {
                "format": "txt",
                "name": "Table",
                "source": {"text": "Alpha."},
                "citations": {"enabled": True},
            }
        },
        harmless=True,
    ),
    dropped(
        "content.document.citations/not_for_this_format",
        user(document({"type": "base64", "media_type": "application/msword", "data": ALPHA}, title="Memo", **CITED)),
        sent={f"{FIRST}.document": {"format": "doc", "name": "Memo", "source": {"bytes": ALPHA}}},
        at=f"{FIRST}.citations",
    ),
    kept(
        "content.document.source.base64",
        user(document({"type": "base64", "media_type": "text/markdown", "data": ALPHA}, title="Notes")),
        sent={f"{FIRST}.document": {"format": "md", "name": "Notes", "source": {"bytes": ALPHA}}},
    ),
    kept(
        "content.document.source.text",
        user(document({**TEXT_SOURCE, "media_type": "text/html"}, title="Notes")),
        sent={f"{FIRST}.document": {"format": "html", "name": "Notes", "source": {"bytes": ALPHA}}},
    ),
    kept(
        "content.document.source.content",
        user(document({"type": "content", "content": [TEXT, TEXT]}, title="Notes", **CITED)),
        sent={f"{FIRST}.document.source": {"content": [{"text": "[[say:ok]]"}, {"text": "[[say:ok]]"}]}},
    ),
    approximated(
        "content.document.source.content/joined",
        user(
            document(
                {"type": "content", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
                title="Notes",
            )
        ),
        sent={f"{FIRST}.document.source": {"bytes": b64encode(b"A\nB").decode()}},
        harmless=True,
    ),
    refused(
        "content.document.source.content/image",
        user(document({"type": "content", "content": [TEXT, IMAGE]})),
        says="Bedrock takes no images inside a document",
        at=f"{FIRST}.source.content.1",
    ),
    refused(
        "content.document.source.url",
        user(document({"type": "url", "url": "https://example.com/a.pdf"})),
        says="Documents by URL are not fetched by this gateway",
        at=f"{FIRST}.source",
    ),
    refused(
        "content.document.source.file",
        user(document({"type": "file", "file_id": "file_1"})),
        says="need Anthropic's Files API, which Bedrock does not have; send the document",
        at=f"{FIRST}.source",
    ),
    kept(
        "content.search_result",
        user(SEARCH),
        sent={
            f"{FIRST}.searchResult": {
                "source": "https://example.com",
                "title": "A page",
                "content": [{"text": "Alpha."}],
                "citations": {"enabled": True},
            }
        },
    ),
    approximated(
        "content.search_result/as_text",
        user(SEARCH, model=MISTRAL),
        sent={
            FIRST: {"text": "<search_result>\ntitle: A page\nsource: https://example.com\n\nAlpha.\n</search_result>"}
        },
        at=FIRST,
    ),
)

MEDIA_CASES: Final = (*_IMAGES, *_DOCUMENTS)
