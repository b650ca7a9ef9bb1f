"""How many tokens a request has, without asking Bedrock. Rather too many than too few: clients compact by this number.

The constants were chosen so that no recorded Bedrock usage of Claude is above its estimate; a test holds them to it.
"""

import re
from base64 import b64decode
from math import ceil
from typing import Any, Final

import orjson

from gateway.catalog import Model
from gateway.protocol.converse import ContentBlock, ConverseRequest, Document, Image, ToolConfig, ToolResultContent
from gateway.protocol.image_size import image_pixels

# UTF-8, so that scripts of more bytes a character, which take more tokens too, count for more.
BYTES_PER_TOKEN: Final = 3.5
# "Hello, world!" alone is 11 tokens, four of them its own.
REQUEST_TOKENS: Final = 8
TURN_TOKENS: Final = 4
BLOCK_TOKENS: Final = 3
# What Anthropic puts into the prompt as soon as there is a tool; Sonnet 4.5 with a forced one adds the most.
TOOLS_TOKENS: Final = 620
# The same for `thinking.type: enabled`.
THINKING_TOKENS: Final = 30
# https://docs.claude.com/en/docs/build-with-claude/vision: width times height / 750, after scaling down what is larger
# than the model looks at (about 1,600 tokens up to the 4.6 generation, three times that since).
PIXELS_PER_TOKEN: Final = 750
UNKNOWN_IMAGE_TOKENS: Final = 1600
MAX_IMAGE_TOKENS: Final = 4800
# The same site on PDFs: 1,500 to 3,000 tokens a page.
PDF_PAGE_TOKENS: Final = 3000
# For a PDF that hides its page objects in compressed streams.
PDF_PAGE_BYTES: Final = 50_000
_PDF_PAGE: Final = re.compile(rb"/Type\s*/Page\b")


def estimate_input_tokens(request: ConverseRequest, model: Model) -> int:
    texts = REQUEST_TOKENS
    pictures = 0
    for block in request.get("system", []):
        texts += _text(block.get("text", ""))
    if "toolConfig" in request:
        texts += _tools(request["toolConfig"])
    if request.get("additionalModelRequestFields", {}).get("thinking", {}).get("type") == "enabled":
        texts += THINKING_TOKENS
    for turn in request["messages"]:
        texts += TURN_TOKENS
        for content in turn["content"]:
            texts += BLOCK_TOKENS + _block_text(content)
            pictures += _pictures(content)
    return ceil(texts * model.capabilities.token_density) + pictures


def _text(text: str) -> int:
    return ceil((len(text) if text.isascii() else len(text.encode())) / BYTES_PER_TOKEN)


def _json(value: Any) -> int:
    return ceil(len(orjson.dumps(value)) / BYTES_PER_TOKEN)


def _tools(config: ToolConfig) -> int:
    return TOOLS_TOKENS + sum(_json(tool["toolSpec"]) for tool in config["tools"] if "toolSpec" in tool)


def _block_text(block: ContentBlock) -> int:
    match block:
        case {"text": text}:
            return _text(text)
        case {"toolUse": tool_use}:
            return _text(tool_use["name"]) + _json(tool_use["input"])
        case {"toolResult": result}:
            return sum(BLOCK_TOKENS + _result_text(content) for content in result["content"])
        case {"reasoningContent": {"reasoningText": reasoning}}:
            # Where the text is omitted, it is in the signature.
            return max(_text(reasoning["text"]), _text(reasoning["signature"]))
        case {"reasoningContent": {"redactedContent": redacted}}:
            return _text(redacted)
        case {"document": document}:
            return _document_text(document)
        case _:
            return 0


def _result_text(content: ToolResultContent) -> int:
    if "text" in content:
        return _text(content["text"])
    return _document_text(content["document"]) if "document" in content else 0


def _document_text(document: Document) -> int:
    tokens = _text(document["name"]) + _text(document.get("context", ""))
    if document["format"] == "pdf":
        return tokens
    source = document["source"]
    tokens += sum(_text(content["text"]) for content in source.get("content", []))
    return tokens + ceil(len(source.get("bytes", "")) * 3 / 4 / BYTES_PER_TOKEN)


def _pictures(block: ContentBlock) -> int:
    """Tokens that do not depend on the text: images, and the pages of PDFs."""
    if "toolResult" in block:
        return sum(_picture(content) for content in block["toolResult"]["content"])
    return _picture(block)


def _picture(block: ContentBlock | ToolResultContent) -> int:
    if "image" in block:
        return _image(block["image"])
    if "document" in block and block["document"]["format"] == "pdf":
        return _pdf(block["document"]["source"].get("bytes", ""))
    return 0


def _image(image: Image) -> int:
    pixels = image_pixels(image["source"]["bytes"])
    return UNKNOWN_IMAGE_TOKENS if pixels is None else min(ceil(pixels / PIXELS_PER_TOKEN), MAX_IMAGE_TOKENS)


def _pdf(base64: str) -> int:
    pdf = b64decode(base64)
    pages = len(_PDF_PAGE.findall(pdf)) or ceil(len(pdf) / PDF_PAGE_BYTES)
    return pages * PDF_PAGE_TOKENS
