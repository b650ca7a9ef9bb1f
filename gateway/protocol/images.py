"""Images: the base64 as it came, under the name that Bedrock has for its format."""

from typing import assert_never

from gateway.protocol.blocks import Base64Source, FileSource, ImageBlock, UrlSource
from gateway.protocol.converse import Image
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.media import image_format, sound_base64
from gateway.protocol.scope import Scope


def to_image(block: ImageBlock, path: str, scope: Scope) -> Image:
    if not scope.model.capabilities.images:
        scope.note("content.image/not_on_this_model", path)
    match block.source:
        case Base64Source(media_type=media_type, data=data):
            base64 = sound_base64(data, f"{path}.source.data")
            return {
                "format": image_format(base64, media_type, f"{path}.source.media_type"),
                "source": {"bytes": base64},
            }
        case UrlSource() | FileSource():
            raise InvalidRequest(f"{path}.source: the image must be in the request itself, as base64")
        case _:
            assert_never(block.source)
