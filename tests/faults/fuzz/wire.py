"""Event-stream frames that may be wrong in one place and right in all others.

A second writer of the format, on purpose without the gateway's: it must be able to lie, and checksums have to fit
around the lie, or nothing behind the checksums is ever fuzzed.
"""

import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

OVERHEAD_BYTES: Final = 16
PRELUDE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Message:
    """A frame whose checksums fit. `lie` is added to the lengths that it announces: of all, of the headers."""

    headers: bytes
    payload: bytes
    lie: tuple[int, int] = (0, 0)

    def encode(self) -> bytes:
        total_bytes = (len(self.headers) + len(self.payload) + OVERHEAD_BYTES + self.lie[0]) % 2**32
        headers_bytes = (len(self.headers) + self.lie[1]) % 2**32
        lengths = struct.pack(">II", total_bytes, headers_bytes)
        message = lengths + struct.pack(">I", crc32(lengths)) + self.headers + self.payload
        return message + struct.pack(">I", crc32(message))


# Bytes are what is no frame: left as they are.
Piece = Message | bytes


def read(wire: bytes, *, mend: bool = False) -> list[Piece]:
    """The frames by their announced lengths, and the rest. `mend` takes those with wrong checksums for frames too."""
    pieces: list[Piece] = []
    at = 0
    while len(wire) - at >= OVERHEAD_BYTES:
        total_bytes, headers_bytes = struct.unpack_from(">II", wire, at)
        if not headers_bytes + OVERHEAD_BYTES <= total_bytes <= len(wire) - at:
            break
        raw = wire[at : at + total_bytes]
        payload_at = PRELUDE_BYTES + headers_bytes
        message = Message(raw[PRELUDE_BYTES:payload_at], raw[payload_at:-4])
        pieces.append(message if mend or message.encode() == raw else raw)
        at += total_bytes
    if at < len(wire):
        pieces.append(wire[at:])
    return pieces


def write(pieces: list[Piece]) -> bytes:
    return b"".join(piece.encode() if isinstance(piece, Message) else piece for piece in pieces)
