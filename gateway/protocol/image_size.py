"""The size of an image from its first bytes: PNG, JPEG, GIF and WebP, without a library or decoding the rest."""

from base64 import b64decode
from math import prod
from typing import Final, Literal

# Enough for all but some JPEGs.
FIRST_CHARACTERS: Final = 4_096
# A JPEG may hold a camera's data and a thumbnail, some 64 KB each, before it says its size. A multiple of four.
HEAD_CHARACTERS: Final = 262_144
# JPEG's "start of frame" markers: C0 to CF but for the tables C4, C8 and CC.
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_pixels(base64: str) -> int | None:
    """Width times height, None if the head does not say it. `base64` must be sound."""
    pixels = _read(b64decode(base64[:FIRST_CHARACTERS]))
    if pixels is None and len(base64) > FIRST_CHARACTERS:
        pixels = _read(b64decode(base64[:HEAD_CHARACTERS]))
    return pixels


def _read(head: bytes) -> int | None:
    if head.startswith(b"\x89PNG"):
        return _pixels(head, 16, 20, 4, "big")
    if head.startswith(b"GIF8"):
        return _pixels(head, 6, 8, 2, "little")
    if head.startswith(b"RIFF"):
        return _webp_pixels(head)
    if head.startswith(b"\xff\xd8"):
        return _jpeg_pixels(head)
    return None


def _pixels(head: bytes, first: int, second: int, length: int, order: Literal["big", "little"]) -> int | None:
    if len(head) < max(first, second) + length:
        return None
    sides = (int.from_bytes(head[at : at + length], order) for at in (first, second))
    return prod(sides)


def _jpeg_pixels(head: bytes) -> int | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _START_OF_FRAME:
            return _pixels(head, at + 5, at + 7, 2, "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _webp_pixels(head: bytes) -> int | None:
    """Three kinds: lossy, lossless, and extended, where a canvas stands in front."""
    if len(head) < 30:
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        return (int.from_bytes(head[24:27], "little") + 1) * (int.from_bytes(head[27:30], "little") + 1)
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        return (int.from_bytes(head[26:28], "little") & 0x3FFF) * (int.from_bytes(head[28:30], "little") & 0x3FFF)
    return None
