"""Base64 as clients send it: is it sound, and what does it hold?

Nothing here decodes a whole file. The bytes go to Bedrock as the string they came in.
"""

import string
from base64 import b64decode
from typing import Final

from gateway.protocol.errors import InvalidRequest

_ALPHABET: Final = (string.ascii_letters + string.digits + "+/").encode()
_MAGIC_CHARACTERS: Final = 24

IMAGE_FORMATS: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}


def sound_base64(base64: str, path: str) -> str:
    """The same base64 without line breaks. Raises `InvalidRequest` if it is not base64, or empty.

    Deleting the alphabet and looking at the rest takes a quarter of the time of a regular expression.
    """
    padding = _beside_the_alphabet(base64)
    if padding.strip(b"="):
        base64 = "".join(base64.split())
        padding = _beside_the_alphabet(base64)
    if padding not in (b"", b"=", b"==") or not base64.endswith(padding.decode()) or len(base64) % 4:
        raise InvalidRequest(f"{path}: not valid base64")
    if not base64:
        raise InvalidRequest(f"{path}: empty")
    return base64


def _beside_the_alphabet(base64: str) -> bytes:
    return base64.encode().translate(None, _ALPHABET)


def image_format(base64: str, media_type: str, path: str) -> str:
    """Bedrock's name of the format. The first bytes decide; the declared type only where they say nothing."""
    head = b64decode(base64[:_MAGIC_CHARACTERS])
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    declared = IMAGE_FORMATS.get(media_type.lower())
    if declared is None:
        raise InvalidRequest(f"{path}: images must be {', '.join(IMAGE_FORMATS)}")
    return declared
