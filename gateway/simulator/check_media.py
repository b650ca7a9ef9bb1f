"""What Bedrock asks of documents, images and their like."""

import re
from collections.abc import Iterator
from typing import Any, Final

from gateway.simulator.contents import JsonObject, all_blocks, blocks_of, members, messages_of, nested_blocks
from gateway.simulator.models import ServedModel
from gateway.simulator.refusals import invalid, model_refuses, unsupported_block
from gateway.simulator.shapes import decode_base64

# Letters, digits, hyphens, parentheses, square brackets; white space one at a time.
_DOCUMENT_NAME: Final = re.compile(r"(?:[A-Za-z0-9\-()\[\]]|\s(?!\s))+")
# Enough Base64 for every signature below.
_SIGNATURE_CHARACTERS: Final = 24
_IMAGE_SIGNATURES: Final = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}


def check_media(request: JsonObject, model: ServedModel) -> None:
    _check_kinds(request, model)
    _check_documents(request)
    for where, image in _images(request):
        _check_image(image, where)
    if model.is_claude:
        _check_claude_sources(request)


def _check_kinds(request: JsonObject, model: ServedModel) -> None:
    blocks = list(nested_blocks(request))
    accepted = {"image": model.capabilities.images, "document": model.capabilities.documents, "audio": False}
    for name in ("image", "document", "video", "audio"):
        if members(blocks, name) and not accepted.get(name, not model.is_claude):
            raise unsupported_block(name)
    results = members(all_blocks(request), "toolResult")
    if not model.capabilities.images_in_tool_results and any(members(r.get("content") or [], "image") for r in results):
        raise unsupported_block("toolResult.content.image")


def _check_documents(request: JsonObject) -> None:
    for message in messages_of(request):
        blocks = blocks_of(message)
        if members(blocks, "document") and not members(blocks, "text"):
            raise invalid("A text block must be included when using documents.")
    names = [document["name"] for document in members(nested_blocks(request), "document")]
    for name in names:
        if not _DOCUMENT_NAME.fullmatch(name):
            raise invalid(
                "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, "
                "parentheses, and square brackets. The name can't contain more than one consecutive whitespace "
                "character. Check that the file name conforms to these restrictions and retry your request."
            )
    if len(set(names)) < len(names):
        raise invalid("Messages can't contain duplicate document names. Rename the document and retry your request.")


def _images(request: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for at, message in enumerate(messages_of(request)):
        for index, block in enumerate(blocks_of(message)):
            where = f"messages.{at}.content.{index}"
            if block.get("image"):
                yield f"{where}.image", block["image"]
            for inner, nested in enumerate((block.get("toolResult") or {}).get("content") or []):
                if nested.get("image"):
                    yield f"{where}.tool_result.content.{inner}.image", nested["image"]


def _check_image(image: JsonObject, where: str) -> None:
    """Bytes of no known kind pass: a test need not draw a picture."""
    content = decode_base64((image["source"].get("bytes") or "")[:_SIGNATURE_CHARACTERS]) or b""
    kinds = [kind for kind, signature in _IMAGE_SIGNATURES.items() if signature.match(content)]
    if kinds and kinds[0] != image["format"]:
        raise model_refuses(
            f"{where}.source.base64.data: The image was specified using the image/{image['format']} media type, "
            f"but the image appears to be a image/{kinds[0]} image"
        )


def _check_claude_sources(request: JsonObject) -> None:
    for block in nested_blocks(request):
        for name in ("image", "document"):
            if block.get(name) and _is_s3(block[name]):
                raise invalid("This model doesn't support the s3Uri field. Remove s3Uri and try again.")


def _is_s3(media: Any) -> bool:
    return media["source"].get("s3Location") is not None
