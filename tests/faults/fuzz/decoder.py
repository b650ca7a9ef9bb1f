"""The frame decoder: any bytes, in any pieces.

It may raise `FrameError` and nothing else; how the bytes were cut changes nothing; what it reads can be written and
read again; and it agrees with botocore's decoder, frame by frame. Where it refuses what botocore takes, the reason is
one of `STRICTER`. The first byte of an input says how the rest is cut.
"""

import random
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from botocore.eventstream import EventStreamBuffer, ParserError

from gateway.protocol.eventstream import Frame, FrameDecoder, FrameError, encode_event, encode_exception, encode_frame
from tests.faults.fuzz.target import MutateBytes, Target
from tests.faults.fuzz.wire import Message, Piece, read, write
from tests.support.recordings import recordings

# Longer ones are slower and hold nothing else: what is special about lengths is their numbers, not their bytes.
MAX_BYTES: Final = 512
IN_ONE_PIECE: Final = 0
BYTE_BY_BYTE: Final = 1
# Then the rest: a prelude and the beginning of its headers, or a short frame. All bytes would take most of the time.
SINGLE_BYTES: Final = 40
# botocore cuts a value that is longer than the headers short, and reads a frame whose headers do not fit into it.
STRICTER: Final = ("a frame header is longer than the frame's headers", "too few for its headers")
# What botocore raises for broken frames: of four families, one is its own.
BOTOCORE_REFUSES: Final = (ParserError, struct.error, UnicodeDecodeError, KeyError)


@dataclass(frozen=True, slots=True)
class Outcome:
    frames: list[Frame]
    refusal: str | None = None


def check(data: bytes) -> None:
    how, wire = data[0] if data else IN_ONE_PIECE, data[1:]
    ours = decode([wire])
    in_pieces = decode(cut(wire, how))
    assert in_pieces == ours, f"in pieces it is {in_pieces}, in one piece {ours}"
    compare_with_botocore(wire, ours)
    again = decode([b"".join(encode_frame(*frame) for frame in ours.frames)])
    assert again == Outcome(ours.frames), f"written and read again it is {again}, and was {ours.frames}"


def decode(chunks: Iterable[bytes]) -> Outcome:
    decoder, frames = FrameDecoder(), list[Frame]()
    try:
        for chunk in chunks:
            frames += decoder.feed(chunk)
        decoder.finish()
    except FrameError as error:
        return Outcome(frames, str(error))
    return Outcome(frames)


def cut(wire: bytes, how: int) -> list[bytes]:
    if how == IN_ONE_PIECE:
        return [wire]
    if how == BYTE_BY_BYTE:
        return [*(wire[at : at + 1] for at in range(min(len(wire), SINGLE_BYTES))), wire[SINGLE_BYTES:]]
    chance = random.Random(how)
    places = sorted({0, *(chance.randint(0, len(wire)) for _ in range(how % 16)), len(wire)})
    return [wire[start:end] for start, end in pairwise(places)]


def compare_with_botocore(wire: bytes, ours: Outcome) -> None:
    theirs = decode_with_botocore(wire)
    for mine, other in zip(ours.frames, theirs, strict=False):
        assert mine == other, f"botocore reads {other}, we read {mine}"
    assert len(ours.frames) <= len(theirs), f"botocore refuses a frame that we take: {ours.frames[len(theirs)]}"
    if len(ours.frames) < len(theirs):
        refusal = ours.refusal or "nothing, and took nothing"
        assert any(reason in refusal for reason in STRICTER), f"botocore takes a frame, we say: {refusal}"


def decode_with_botocore(wire: bytes) -> list[tuple[dict[str, str], bytes]]:
    """With string headers only: we pass over all others."""
    buffer, messages = EventStreamBuffer(), []
    buffer.add_data(wire)
    try:
        for message in buffer:
            headers = {name: value for name, value in message.headers.items() if isinstance(value, str)}
            messages.append((headers, message.payload))
    except BOTOCORE_REFUSES:
        pass
    return messages


# --- mutations: of frames, with checksums that fit


def mutate(data: bytes, chance: random.Random, mutate_bytes: MutateBytes) -> bytes:
    how, wire = data[:1] or b"\0", data[1:]
    if chance.random() < 0.05:
        return chance.choice((b"\0", b"\1", chance.randbytes(1))) + wire
    if chance.random() < 0.1:
        # Blind, and every second time with checksums that fit again.
        return how + write(read(mutate_bytes(wire, MAX_BYTES), mend=chance.random() < 0.5))
    pieces = read(wire)
    places = [place for place, piece in enumerate(pieces) if isinstance(piece, Message)]
    if not places or chance.random() < 0.3:
        return how + write(rearrange(pieces, chance))
    place = chance.choice(places)
    message = pieces[place]
    assert isinstance(message, Message)
    pieces[place] = change(message, chance, mutate_bytes)
    return how + write(pieces)


def rearrange(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    place = chance.randint(0, len(pieces))
    match chance.randrange(3):
        case 0:
            new: Piece = Message(headers(chance), chance.choice((b"", b"{}", b'{"p":"abc"}')))
            return [*pieces[:place], new, *pieces[place:]]
        case 1:
            return pieces[:place] + pieces[place + 1 :]
        case _:
            return pieces[:place] + pieces[max(0, place - 1) :]


def change(message: Message, chance: random.Random, mutate_bytes: MutateBytes) -> Piece:
    match chance.randrange(6):
        case 0:
            return replace(message, payload=mutate_bytes(message.payload, MAX_BYTES))
        case 1 | 2:
            return replace(message, headers=mutate_bytes(message.headers, MAX_BYTES))
        case 3:
            return replace(message, headers=(message.headers if chance.random() < 0.5 else b"") + headers(chance))
        case 4:
            return replace(message, lie=(lie(chance), lie(chance)))
        case _:
            raw = bytearray(message.encode())
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            return bytes(raw)


def lie(chance: random.Random) -> int:
    return chance.choice((0, 0, 1, -1, 4, -4, -16, chance.randint(-40, 40), 128 * 1024, 24 * 1024 * 1024, 2**30, 2**31))


def headers(chance: random.Random) -> bytes:
    """Of every type there is and some that are none; now and then with a length that does not fit."""
    block = b""
    for _ in range(chance.randint(0, 4)):
        name = chance.choice((b":event-type", b":message-type", b"a", b"b", b"", "ä".encode(), b"\xff"))
        kind = chance.randint(0, 10)
        block += bytes((len(name),)) + name + bytes((kind,)) + header_value(kind, chance)
    return block


def header_value(kind: int, chance: random.Random) -> bytes:
    if kind in (6, 7):
        value = chance.choice((b"event", b"", "ö".encode(), chance.randbytes(3)))
        length_bytes = max(0, len(value) + (chance.randint(-2, 2) if chance.random() < 0.1 else 0))
        return length_bytes.to_bytes(2, "big") + value
    return chance.randbytes({2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}.get(kind, 0))


def seeds() -> list[bytes]:
    """The beginnings of recorded answers, and frames of each kind."""
    recorded = [write(read(recording.wire)[:2]) for recording in recordings()]
    kinds = [encode_event("messageStop", b'{"stopReason":"end_turn"}'), encode_exception("throttlingException", b"{}")]
    return [bytes((BYTE_BY_BYTE + 1,)) + wire[: MAX_BYTES - 1] for wire in (*recorded, *kinds, b"".join(kinds))]


TARGET: Final = Target("decoder", check, mutate, seeds, MAX_BYTES)
