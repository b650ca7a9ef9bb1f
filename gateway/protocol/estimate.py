"""How many tokens a request has, without asking Bedrock. Rather too many than too few: clients compact by this number.

The constants were chosen so that no recorded Bedrock usage of Claude is above its estimate; tests hold them to it. What
a model's usage then shows corrects the text's part (`calibration.py`); pictures follow documented rules.
"""

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, Final

import msgspec
import orjson

from gateway.catalog import Model
from gateway.protocol.converse import ConverseRequest, ToolConfig
from gateway.protocol.image_size import image_pixels
from gateway.protocol.pdf_pages import pdf_pages

# UTF-8, so that scripts of more bytes a character, which take more tokens too, count for more.
BYTES_PER_TOKEN: Final = 3.5
BASE64_BYTES_PER_TOKEN: Final = BYTES_PER_TOKEN * 4 / 3
# "Hello, world!" alone is 11 tokens, four of them its own.
REQUEST_TOKENS: Final = 8
TURN_TOKENS: Final = 4
BLOCK_TOKENS: Final = 3
# What Anthropic puts into the prompt as soon as there is a tool; Sonnet 4.5 with a forced one adds the most.
TOOLS_TOKENS: Final = 620
# Anthropic's own tools have their definition on the other side. Its documentation has 245 tokens for bash, 700 for the
# text editor and 735 for the computer, without what comes with any tool.
NATIVE_TOOL_TOKENS: Final = 800
# The same for `thinking.type: enabled`.
THINKING_TOKENS: Final = 30
# What explains a wanted output format to the model: a recording has some 140 besides prompt and schema.
OUTPUT_FORMAT_TOKENS: Final = 150
# "Slightly more", says Anthropic of citations: the instructions, and each sentence gets a mark. No number is known.
CITATIONS_TOKENS: Final = 400
CITED_TEXT_FACTOR: Final = 1.2
# https://docs.claude.com/en/docs/build-with-claude/vision: width times height / 750, after scaling down what is larger
# than the model looks at (about 1,600 tokens up to the 4.6 generation, three times that since).
PIXELS_PER_TOKEN: Final = 750
UNKNOWN_IMAGE_TOKENS: Final = 1600
MAX_IMAGE_TOKENS: Final = 4800
# The same site on PDFs: 1,500 to 3,000 tokens a page for its text, and as much as an image where the page is looked at,
# which Converse does when citations are on.
PDF_PAGE_TOKENS: Final = 3000
PDF_PICTURE_TOKENS: Final = 1600

Block = Mapping[str, Any]


class Estimate(msgspec.Struct, frozen=True):
    """Two parts, because only the first depends on how a model cuts text into tokens."""

    texts: int
    pictures: int

    @property
    def tokens(self) -> int:
        return self.texts + self.pictures


def estimate_input(request: ConverseRequest, model: Model) -> Estimate:
    texts = REQUEST_TOKENS + _system(request.get("system", ())) + _options(request)
    pictures = 0
    cited = False
    for turn in request["messages"]:
        texts += TURN_TOKENS
        for block in turn["content"]:
            texts += BLOCK_TOKENS + _texts(block)
            if not _is_plain(block):
                pictures += _pictures(block)
                cited = cited or _is_cited(block)
    if cited:
        texts += CITATIONS_TOKENS
    return Estimate(ceil(texts * model.capabilities.token_density), pictures)


def _is_plain(block: Block) -> bool:
    """Text, a call, or a result of texts: no pictures and no citations, as nearly all of a long conversation."""
    if "toolResult" not in block:
        return "text" in block or "toolUse" in block
    for content in block["toolResult"]["content"]:  # noqa: SIM110  # a generator for each takes twice as long
        if "text" not in content:
            return False
    return True


def estimate_input_tokens(request: ConverseRequest, model: Model) -> int:
    return estimate_input(request, model).tokens


def estimate_output_format(request: ConverseRequest) -> int:
    """What `outputConfig` adds to the prompt. CountTokens does not take it."""
    return OUTPUT_FORMAT_TOKENS + _json(request["outputConfig"]) if "outputConfig" in request else 0


def _options(request: ConverseRequest) -> int:
    fields = request.get("additionalModelRequestFields", {})
    tokens = estimate_output_format(request) + _native_tools(fields)
    if "toolConfig" in request:
        tokens += _tools(request["toolConfig"])
    if _member(fields, "thinking", "type") == "enabled":
        tokens += THINKING_TOKENS
    if wanted := _member(fields, "output_config", "format"):
        tokens += OUTPUT_FORMAT_TOKENS + _json(wanted)
    return tokens


def _member(fields: Mapping[str, Any], name: str, member: str) -> object:
    value = fields.get(name)
    return value.get(member) if isinstance(value, dict) else None


def _text(text: str) -> int:
    return ceil((len(text) if text.isascii() else len(text.encode())) / BYTES_PER_TOKEN)


def _json(value: object) -> int:
    return ceil(len(orjson.dumps(value)) / BYTES_PER_TOKEN)


def _system(blocks: Iterable[Block]) -> int:
    return sum(_text(block["text"]) if "text" in block else _texts(block) for block in blocks)


def _tools(config: ToolConfig) -> int:
    return TOOLS_TOKENS + sum(_json(tool["toolSpec"]) for tool in config["tools"] if "toolSpec" in tool)


def _native_tools(fields: Mapping[str, Any]) -> int:
    tools = fields.get("tools")
    if not isinstance(tools, list) or not tools:
        return 0
    return TOOLS_TOKENS + sum(NATIVE_TOOL_TOKENS + _json(tool) for tool in tools)


def _texts(block: Block) -> int:
    """All but pictures. What is not known here counts as its JSON: nothing is free."""
    if "text" in block:
        return _text(block["text"])
    if "toolUse" in block:
        return _text(block["toolUse"]["name"]) + _json(block["toolUse"]["input"])
    if "toolResult" in block:
        return sum([BLOCK_TOKENS + _texts(content) for content in block["toolResult"]["content"]])
    if "reasoningContent" in block:
        return _reasoning(block["reasoningContent"])
    if "document" in block:
        return _document(block["document"])
    if "searchResult" in block:
        return ceil(_json(block["searchResult"]) * CITED_TEXT_FACTOR)
    if "image" in block or "cachePoint" in block:
        return 0
    return _json(block)


def _reasoning(reasoning: Block) -> int:
    if "redactedContent" in reasoning:
        return _text(reasoning["redactedContent"])
    said = reasoning["reasoningText"]
    # Where the text is omitted, it is in the signature.
    return max(_text(said["text"]), _text(said.get("signature", "")))


def _document(document: Block) -> int:
    tokens = _text(document["name"]) + _text(document.get("context", ""))
    if document["format"] == "pdf":
        return tokens
    source = document["source"]
    text = sum(_text(content["text"]) for content in source.get("content", ())) + _text(source.get("text", ""))
    text += ceil(len(source.get("bytes", "")) / BASE64_BYTES_PER_TOKEN)
    return tokens + (ceil(text * CITED_TEXT_FACTOR) if _wants_citations(document) else text)


def _pictures(block: Block) -> int:
    """Tokens that do not depend on the text: images, and the pages of PDFs."""
    if "toolResult" in block:
        return sum(_picture(content) for content in block["toolResult"]["content"])
    return _picture(block)


def _picture(block: Block) -> int:
    if "image" in block:
        pixels = image_pixels(block["image"]["source"]["bytes"])
        return UNKNOWN_IMAGE_TOKENS if pixels is None else min(ceil(pixels / PIXELS_PER_TOKEN), MAX_IMAGE_TOKENS)
    if "document" in block and block["document"]["format"] == "pdf":
        page_tokens = PDF_PAGE_TOKENS + (PDF_PICTURE_TOKENS if _wants_citations(block["document"]) else 0)
        return pdf_pages(block["document"]["source"].get("bytes", "")) * page_tokens
    return 0


def _is_cited(block: Block) -> bool:
    if "toolResult" in block:
        return any(_is_cited(content) for content in block["toolResult"]["content"])
    return _wants_citations(block.get("document") or block.get("searchResult") or {})


def _wants_citations(block: Block) -> bool:
    return bool(_member(block, "citations", "enabled"))
