"""`application/vnd.amazon.eventstream` frames, both ways.

A frame is `total_length u32 | headers_length u32 | prelude_crc u32 | headers | payload | message_crc u32`, big endian,
with zlib's CRC-32. Both checksums are checked, so no flipped bit is ever delivered. botocore's own buffer copies the
rest of a chunk for every frame in it; this decoder walks over a chunk once.
Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html and botocore's `eventstream.py`.
"""

import struct
from functools import lru_cache, partial
from typing import Final, NamedTuple
from zlib import crc32

PRELUDE_BYTES: Final = 12
MESSAGE_CRC_BYTES: Final = 4
FRAME_OVERHEAD_BYTES: Final = PRELUDE_BYTES + MESSAGE_CRC_BYTES
# botocore's limits (`eventstream.py`): anything beyond is a corrupt length, not a long frame.
MAX_HEADERS_BYTES: Final = 128 * 1024
MAX_PAYLOAD_BYTES: Final = 24 * 1024 * 1024
MAX_FRAME_BYTES: Final = FRAME_OVERHEAD_BYTES + MAX_HEADERS_BYTES + MAX_PAYLOAD_BYTES
# Bedrock sends about a dozen different header blocks; the bound keeps a hostile upstream from filling the memory.
MAX_CACHED_HEADERS: Final = 64
HEADERS_WORTH_CACHING_BYTES: Final = 256
# Of all streams: what one has seen the next need not keep again. Nobody changes what is in it.
_headers: Final[dict[bytes, dict[str, str]]] = {}

STRING_HEADER: Final = 7
BYTES_HEADER: Final = 6
# Bytes of a value by header type: true, false, byte, short, int, long, timestamp, UUID. 6 and 7 carry their length.
FIXED_HEADER_BYTES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}

_PRELUDE: Final = struct.Struct(">III")
_LENGTHS: Final = struct.Struct(">II")
_U32: Final = struct.Struct(">I")
_u32_at: Final = _U32.unpack_from
_U16: Final = struct.Struct(">H")


class FrameError(Exception):
    """The bytes are not an event stream, or were damaged on the way. Nothing after this point can be trusted."""


class FrameTooBig(FrameError):
    """A frame announces more than any frame of Bedrock's has."""


class FrameCut(FrameError):
    """The bytes end inside a frame."""


class Frame(NamedTuple):
    """One message: `headers` are its string headers, names with their colon (`:event-type`); `payload` is raw JSON."""

    headers: dict[str, str]
    payload: bytes


# What calling the class does, without the part of it that is Python's.
_new_frame: Final[partial[Frame]] = partial(tuple.__new__, Frame)


class FrameDecoder:
    """Bytes as they come from the wire, in pieces of any size, to whole frames.

    `feed` returns the frames that a piece completes. On damage it returns those before it, so that they are not lost;
    `check` then raises, as do `feed` and `finish`.
    """

    def __init__(self) -> None:
        # What has come of a frame that is not whole yet, and how many bytes it takes before another look is worth it:
        # joining at every piece would cost quadratic time on a long frame.
        self._pieces: list[bytes] = []
        self._pending_bytes = 0
        self._needed_bytes = PRELUDE_BYTES
        self.damage: FrameError | None = None
        """Behind the frames that were returned."""

    def feed(self, chunk: bytes) -> list[Frame]:
        if self.damage is not None:
            raise self.damage
        self._pending_bytes += len(chunk)
        if self._pending_bytes < self._needed_bytes:
            self._pieces.append(chunk)
            return []
        buffer = b"".join((*self._pieces, chunk)) if self._pieces else chunk
        frames: list[Frame] = []
        try:
            start = self._decode_whole(buffer, frames)
        except FrameError as damage:
            self.damage = damage
            if not frames:
                raise
            return frames
        self._pending_bytes = len(buffer) - start
        self._pieces = [buffer[start:]] if self._pending_bytes else []
        return frames

    def _decode_whole(self, buffer: bytes, frames: list[Frame]) -> int:
        """Appends the whole frames in `buffer`; the place where the next one begins. The gateway's hottest loop."""
        start, end = 0, len(buffer)
        self._needed_bytes = PRELUDE_BYTES
        while (headers_at := start + PRELUDE_BYTES) <= end:
            total_bytes, headers_bytes = read_prelude(buffer[start:headers_at])
            next_start = start + total_bytes
            if next_start > end:
                self._needed_bytes = total_bytes
                break
            crc_at = next_start - MESSAGE_CRC_BYTES
            if crc32(buffer[start:crc_at]) != _u32_at(buffer, crc_at)[0]:
                raise FrameError("the checksum of a frame does not match")
            payload_at = headers_at + headers_bytes
            raw_headers = buffer[headers_at:payload_at]
            headers = _headers.get(raw_headers)
            if headers is None:
                headers = new_headers(raw_headers)
            frames.append(_new_frame((headers, buffer[payload_at:crc_at])))
            start = next_start
        return start

    def check(self) -> None:
        """Raises the damage behind the frames that `feed` returned: whoever waits for more bytes may wait for ever."""
        if self.damage is not None:
            raise self.damage

    def finish(self) -> None:
        """The body has ended. Raises `FrameError` if it ended inside a frame."""
        self.check()
        if self._pending_bytes:
            raise FrameCut(f"the stream ended inside a frame, after {self._pending_bytes} of its bytes")


# A stream's frames have a few hundred lengths: most preludes have been checked before.
@lru_cache(maxsize=1024)
def read_prelude(prelude: bytes) -> tuple[int, int]:
    """The bytes of the whole frame, and of its headers. Raises `FrameError`."""
    total_bytes, headers_bytes, prelude_crc = _PRELUDE.unpack(prelude)
    if crc32(prelude[:8]) != prelude_crc:
        raise FrameError("the checksum of a frame's prelude does not match")
    check_lengths(total_bytes, headers_bytes)
    return total_bytes, headers_bytes


def new_headers(raw_headers: bytes) -> dict[str, str]:
    headers = decode_headers(raw_headers)
    if len(_headers) < MAX_CACHED_HEADERS and len(raw_headers) <= HEADERS_WORTH_CACHING_BYTES:
        _headers[raw_headers] = headers
    return headers


def check_lengths(total_bytes: int, headers_bytes: int) -> None:
    if headers_bytes > MAX_HEADERS_BYTES or total_bytes > MAX_FRAME_BYTES:
        raise FrameTooBig(f"a frame announces {total_bytes} bytes ({headers_bytes} of headers), more than the limit")
    if total_bytes < headers_bytes + FRAME_OVERHEAD_BYTES:
        raise FrameError(f"a frame announces {total_bytes} bytes, too few for its headers")


def decode_headers(raw: bytes) -> dict[str, str]:
    """The string headers; those of other types are checked and passed over. Raises `FrameError`."""
    headers: dict[str, str] = {}
    names: set[str] = set()
    at = 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            name = raw[at + 1 : name_end].decode()
            kind = raw[name_end]
            value_at, value_bytes = _value_span(raw, name_end + 1, kind)
            at = value_at + value_bytes
            if at > len(raw):
                raise FrameError("a frame header is longer than the frame's headers")
            if name in names:
                raise FrameError("a frame header stands twice")
            names.add(name)
            if kind == STRING_HEADER:
                headers[name] = raw[value_at:at].decode()
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise FrameError("the headers of a frame are broken") from error
    return headers


def _value_span(raw: bytes, at: int, kind: int) -> tuple[int, int]:
    if kind in (STRING_HEADER, BYTES_HEADER):
        return at + 2, _U16.unpack_from(raw, at)[0]
    return at, FIXED_HEADER_BYTES[kind]


def encode_headers(headers: dict[str, str]) -> bytes:
    """String headers only: Bedrock sends no others."""
    parts = []
    for name, value in headers.items():
        raw_name, raw_value = name.encode(), value.encode()
        parts += [bytes((len(raw_name),)), raw_name, bytes((STRING_HEADER,)), _U16.pack(len(raw_value)), raw_value]
    return b"".join(parts)


def encode_frame(headers: dict[str, str], payload: bytes) -> bytes:
    raw_headers = encode_headers(headers)
    lengths = _LENGTHS.pack(len(raw_headers) + len(payload) + FRAME_OVERHEAD_BYTES, len(raw_headers))
    message = b"".join((lengths, _U32.pack(crc32(lengths)), raw_headers, payload))
    return message + _U32.pack(crc32(message))


def encode_event(event_type: str, payload: bytes) -> bytes:
    """A frame as Bedrock sends an event."""
    headers = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    return encode_frame(headers, payload)


def encode_exception(exception_type: str, payload: bytes) -> bytes:
    """A frame as Bedrock sends a modelled exception inside a stream; the type starts in lower case."""
    headers = {":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"}
    return encode_frame(headers, payload)
