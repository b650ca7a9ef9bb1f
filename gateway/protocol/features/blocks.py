"""Rows: content blocks, their sources and their fields. A block has the same name wherever it stands."""

from typing import Final

from gateway.protocol.features.cache_marks import CACHE_MARKS
from gateway.protocol.features.feature import Feature, approximated, dropped, kept, refused
from gateway.protocol.features.server_blocks import SERVER_BLOCKS

_BLOCK: Final = "content block"
# Fields of nearly every block. `cache_control` has rows of its own.
_COMMON: Final = ("type", "cache_control")

_TEXT: Final[tuple[Feature, ...]] = (
    kept("content.text", _BLOCK, "`text`, unchanged.", *_COMMON, "text"),
    dropped(
        "content.text/blank",
        _BLOCK,
        "Blank text: Bedrock refuses the request, and no model reads anything in it.",
        silent=True,
    ),
    approximated(
        "content.text/prefill",
        _BLOCK,
        "White space at the end of an answer that the caller has begun: Claude refuses it there.",
    ),
    kept("content.text.citations", _BLOCK, "`citationsContent`, in the assistant's turns: by their kinds."),
    approximated(
        "content.text.citations/without_place",
        _BLOCK,
        "Cited text that is not the assistant's, or on a model without citations: the text stays, without them.",
    ),
    kept(
        "content.text.citations.char_location",
        _BLOCK,
        "`documentChar`, value for value.",
        *("type", "cited_text", "document_index", "document_title", "start_char_index", "end_char_index"),
    ),
    kept(
        "content.text.citations.page_location",
        _BLOCK,
        "`documentPage`, value for value.",
        *("type", "cited_text", "document_index", "document_title", "start_page_number", "end_page_number"),
    ),
    kept(
        "content.text.citations.content_block_location",
        _BLOCK,
        "`documentChunk`, value for value.",
        *("type", "cited_text", "document_index", "document_title", "start_block_index", "end_block_index"),
    ),
    *(
        dropped(
            f"content.text.citations.{kind}.file_id",
            _BLOCK,
            "It belongs to Anthropic's Files API; the document itself is in the request.",
            harmless=True,
        )
        for kind in ("char_location", "page_location", "content_block_location")
    ),
    approximated(
        "content.text.citations.search_result_location",
        _BLOCK,
        "The cited text stays, the citation does not: Bedrock loses its type on the way, and Claude then refuses all.",
        *("type", "cited_text", "search_result_index", "source", "title", "start_block_index", "end_block_index"),
    ),
    approximated(
        "content.text.citations.web_search_result_location",
        _BLOCK,
        "The cited text stays, the citation does not: Converse has no place for the encrypted index it belongs to.",
        *("type", "cited_text", "encrypted_index", "title", "url"),
    ),
)

_MEDIA: Final[tuple[Feature, ...]] = (
    kept("content.image", _BLOCK, "`image`, its base64 as it came.", *_COMMON, "source"),
    refused(
        "content.image/not_on_this_model",
        _BLOCK,
        # Claude Code knows the first words: it takes the image out of the conversation and goes on.
        "Could not process image: the model takes none on Bedrock; choose a model that sees, or leave the image out.",
    ),
    approximated(
        "content.image/beside_the_results",
        _BLOCK,
        "The model takes no images inside tool results: it follows the results, and a text says so.",
    ),
    dropped(
        "content.image.transformations",
        _BLOCK,
        "Bedrock has its own rule for images that are too large: it scales them down, or refuses them.",
        "oversized_image",
    ),
    kept(
        "content.image.source.base64",
        _BLOCK,
        "The first bytes decide which format it is, where the declared type is wrong.",
        *("type", "data", "media_type"),
    ),
    refused(
        "content.image.source.url",
        _BLOCK,
        "Images by URL are not fetched by this gateway; send the image as base64.",
        *("type", "url"),
    ),
    refused(
        "content.image.source.file",
        _BLOCK,
        "'file' sources need Anthropic's Files API, which Bedrock does not have; send the image as base64.",
        *("type", "file_id"),
    ),
    kept(
        "content.document",
        _BLOCK,
        "`document`, with a name that Bedrock accepts and that stays the same on every turn.",
        *(*_COMMON, "source", "title", "context"),
    ),
    approximated(
        "content.document/pdf_without_pictures",
        _BLOCK,
        "Converse reads a PDF by its text alone unless citations are on.",
    ),
    approximated(
        "content.document/lonely",
        _BLOCK,
        "Bedrock wants a text beside a document: a short fixed one is put there.",
        harmless=True,
    ),
    approximated(
        "content.document/as_text",
        _BLOCK,
        "Where the model takes no documents, or a tool result should be cited: a document of text is a text.",
    ),
    refused(
        "content.document/not_on_this_model",
        _BLOCK,
        # Claude Code knows "does not support PDF input": it takes the PDF out of the conversation and goes on.
        "The model does not support PDF input or other documents on Bedrock; send the text as a text block, or choose "
        "another model.",
    ),
    approximated(
        "content.document.title/renamed",
        _BLOCK,
        "Bedrock takes few characters in a document's name, and each name once.",
    ),
    kept("content.document.citations", _BLOCK, "`citations`, where they are on.", "enabled"),
    dropped("content.document.citations/not_on_this_model", _BLOCK, "The model cites nothing on Bedrock."),
    dropped("content.document.citations/in_a_tool_result", _BLOCK, "Bedrock cites nothing inside tool results."),
    approximated(
        "content.document.citations/as_plain_text",
        _BLOCK,
        "Bedrock cites only PDF and plain text: CSV, HTML and Markdown are sent as plain text, each character of it.",
        harmless=True,
    ),
    dropped("content.document.citations/not_for_this_format", _BLOCK, "Bedrock cites only PDF and plain text."),
    kept(
        "content.document.source.base64",
        _BLOCK,
        "PDF, plain text, CSV, HTML, Markdown, and the files of Word and Excel; the base64 as it came.",
        *("type", "data", "media_type"),
    ),
    kept(
        "content.document.source.text",
        _BLOCK,
        "Plain text, CSV, HTML or Markdown; another `media_type` is a 400.",
        *("type", "data", "media_type"),
    ),
    kept("content.document.source.content", _BLOCK, "Blocks of text, each of which can be cited.", "type", "content"),
    approximated(
        "content.document.source.content/joined",
        _BLOCK,
        "Without citations Bedrock takes one text only: the blocks follow each other, a line break between.",
        harmless=True,
    ),
    refused(
        "content.document.source.content/image",
        _BLOCK,
        "Bedrock takes no images inside a document; put it beside the document.",
    ),
    refused(
        "content.document.source.url",
        _BLOCK,
        "Documents by URL are not fetched by this gateway; send the document as base64 or text.",
        *("type", "url"),
    ),
    refused(
        "content.document.source.file",
        _BLOCK,
        "'file' sources need Anthropic's Files API, which Bedrock does not have; send the document as base64 or text.",
        *("type", "file_id"),
    ),
    kept(
        "content.search_result",
        _BLOCK,
        "`searchResult`, in messages and in tool results.",
        *(*_COMMON, "content", "source", "title", "citations", "citations.enabled"),
    ),
    approximated(
        "content.search_result/as_text",
        _BLOCK,
        "The model takes no search results on Bedrock: title, source and texts are a text, between tags.",
    ),
)

_TOOLS: Final[tuple[Feature, ...]] = (
    kept(
        "content.tool_use",
        _BLOCK,
        "`toolUse`; names that Bedrock refuses are shortened, and restored in the reply.",
        *(*_COMMON, "id", "name", "input"),
    ),
    approximated("content.tool_use.input/no_object", _BLOCK, "Bedrock takes an object only: `{}`."),
    dropped(
        "content.tool_use.caller",
        _BLOCK,
        "Who made the call: on Bedrock only the model does.",
        *("type", "tool_id"),
        harmless=True,
    ),
    dropped("content.tool_use.toolset_name", _BLOCK, "Bedrock has no toolsets: the call has its name alone."),
    kept("content.tool_result", _BLOCK, "`toolResult`.", *_COMMON, "tool_use_id", "content", "is_error"),
    approximated(
        "content.tool_result.is_error/not_on_this_model",
        _BLOCK,
        "The model takes no status: a text at the beginning of the result says that the tool failed.",
    ),
    dropped("content.tool_result.toolset_name", _BLOCK, "Bedrock has no toolsets: the result has its call's id alone."),
    kept(
        "content.tool_reference",
        _BLOCK,
        "A text that names the tool, which is offered from now on.",
        *_COMMON,
        "tool_name",
    ),
    approximated(
        "content.tool_addition",
        _BLOCK,
        "`tools` offers it from the beginning; the model is not told when it came.",
        *(*_COMMON, "tool"),
    ),
    refused(
        "content.tool_addition/definition",
        _BLOCK,
        "Bedrock takes no definitions of tools in the middle of a conversation; define the tool in `tools`.",
    ),
    dropped("content.tool_removal", _BLOCK, "The tool stays on offer.", *_COMMON, "tool"),
)

_THINKING: Final[tuple[Feature, ...]] = (
    kept(
        "content.thinking",
        _BLOCK,
        "`reasoningContent`; text and signature byte for byte.",
        *("type", "thinking", "signature"),
    ),
    dropped(
        "content.thinking/unsigned",
        _BLOCK,
        "Thinking without a signature: Claude refuses it, and it comes from a model that signs nothing.",
    ),
    dropped(
        "content.thinking/not_taken_back",
        _BLOCK,
        "The model refuses earlier thinking, or that of a model that signs its own.",
    ),
    kept("content.redacted_thinking", _BLOCK, "`redactedContent`, byte for byte.", "type", "data"),
    dropped("content.redacted_thinking/not_taken_back", _BLOCK, "Only the Claude that has written it can read it."),
    approximated(
        "messages.turns/begun_by_the_assistant",
        "request field",
        "The model wants the user to begin: a short turn of the user stands first.",
    ),
)

BLOCKS: Final[tuple[Feature, ...]] = (*_TEXT, *_MEDIA, *_TOOLS, *_THINKING, *SERVER_BLOCKS, *CACHE_MARKS)
