"""The frame codec, against recorded bytes and against botocore's."""

import random
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.eventstream import (
    MAX_FRAME_BYTES,
    MAX_HEADERS_BYTES,
    Frame,
    FrameDecoder,
    FrameError,
    decode_headers,
    encode_event,
    encode_exception,
    encode_frame,
    encode_headers,
)
from tests.support.recordings import Recording, recordings

RECORDED = [recording for recording in recordings() if recording.as_recorded]
HEADERS = st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=5)


def decode_all(wire: bytes) -> list[Frame]:
    decoder = FrameDecoder()
    frames = decoder.feed(wire)
    decoder.finish()
    return frames


@pytest.mark.parametrize("recording", RECORDED, ids=lambda recording: recording.name)
class TestRecordedStreams:
    def test_it_decodes_to_the_recorded_events(self, recording: Recording) -> None:
        frames = decode_all(recording.wire)
        assert [frame.headers for frame in frames] == [event["headers"] for event in recording.frames]

    def test_encoding_gives_the_recorded_bytes_again(self, recording: Recording) -> None:
        assert b"".join(encode_frame(*frame) for frame in decode_all(recording.wire)) == recording.wire

    def test_botocore_reads_the_same(self, recording: Recording) -> None:
        theirs = EventStreamBuffer()
        theirs.add_data(recording.wire)
        assert [(message.headers, message.payload) for message in theirs] == decode_all(recording.wire)

    def test_pieces_of_any_size_give_the_same_frames(self, recording: Recording) -> None:
        whole = decode_all(recording.wire)
        for size in (1, 2, 3, 7, 11, 12, 13, 100, 1000):
            decoder = FrameDecoder()
            pieces = [recording.wire[at : at + size] for at in range(0, len(recording.wire), size)]
            assert [frame for piece in pieces for frame in decoder.feed(piece)] == whole
            decoder.finish()


def test_no_flipped_bit_is_ever_delivered() -> None:
    wire = min((recording.wire for recording in RECORDED), key=len)
    whole = decode_all(wire)
    for at in range(len(wire)):
        for bit in range(8):
            damaged = bytearray(wire)
            damaged[at] ^= 1 << bit
            decoder = FrameDecoder()
            try:
                frames = decoder.feed(bytes(damaged))
            except FrameError:
                continue
            assert frames == whole[: len(frames)]
            assert len(frames) < len(whole)
            with pytest.raises(FrameError):
                decoder.finish()


def test_a_body_cut_inside_a_frame_is_an_error_and_between_frames_is_not() -> None:
    wire = encode_event("a", b"{}") + encode_event("b", b"{}")
    for end in range(len(wire) + 1):
        decoder = FrameDecoder()
        decoder.feed(wire[:end])
        if end in (0, len(wire) // 2, len(wire)):
            decoder.finish()
        else:
            with pytest.raises(FrameError, match="ended inside a frame"):
                decoder.finish()


def test_frames_before_the_damage_are_delivered_and_the_damage_is_raised_next() -> None:
    decoder = FrameDecoder()
    good = encode_event("a", b"{}")
    assert len(decoder.feed(good + b"\0" * 12)) == 1
    with pytest.raises(FrameError, match="prelude"):
        decoder.feed(good)
    with pytest.raises(FrameError, match="prelude"):
        decoder.finish()


def test_a_frame_that_announces_too_much_is_refused_at_once() -> None:
    def prelude(total_bytes: int, headers_bytes: int) -> bytes:
        lengths = total_bytes.to_bytes(4, "big") + headers_bytes.to_bytes(4, "big")
        return lengths + crc32(lengths).to_bytes(4, "big")

    for lengths in ((2**30, 0), (MAX_FRAME_BYTES + 1, 0), (1000, MAX_HEADERS_BYTES + 1), (15, 0), (100, 90)):
        with pytest.raises(FrameError, match="announces"):
            FrameDecoder().feed(prelude(*lengths))


def test_a_long_frame_in_many_pieces_costs_linear_time() -> None:
    payload = random.Random(1).randbytes(8 * 1024 * 1024)
    wire = encode_event("a", payload)
    decoder = FrameDecoder()
    frames = [frame for at in range(0, len(wire), 1024) for frame in decoder.feed(wire[at : at + 1024])]
    assert [frame.payload for frame in frames] == [payload]


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=8), st.randoms())
@settings(deadline=None, max_examples=60)
def test_any_frames_survive_any_split(messages: list[tuple[dict[str, str], bytes]], chance: random.Random) -> None:
    wire = b"".join(encode_frame(headers, payload) for headers, payload in messages)
    decoder, frames, at = FrameDecoder(), [], 0
    while at < len(wire):
        size = chance.randint(1, 40)
        frames += decoder.feed(wire[at : at + size])
        at += size
    decoder.finish()
    assert frames == messages


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_random_bytes_never_raise_anything_else(junk: bytes) -> None:
    decoder = FrameDecoder()
    try:
        decoder.feed(junk)
        decoder.finish()
    except FrameError:
        pass


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=200)
def test_broken_headers_behind_right_checksums_never_raise_anything_else(raw_headers: bytes) -> None:
    try:
        decode_headers(raw_headers)
    except FrameError:
        pass


def test_headers_of_other_types_are_passed_over() -> None:
    others = (
        b"\x01a\x00" + b"\x01b\x02\x05" + b"\x01c\x06\x00\x02hi" + b"\x01d\x08" + bytes(8) + b"\x01e\x09" + bytes(16)
    )
    assert decode_headers(others + encode_headers({":event-type": "x"})) == {":event-type": "x"}


def test_a_header_that_stands_twice_is_refused() -> None:
    with pytest.raises(FrameError, match="twice"):
        decode_headers(encode_headers({"a": "1"}) * 2)


def test_an_exception_frame_carries_its_type() -> None:
    (frame,) = decode_all(encode_exception("throttlingException", b'{"message":"slow down"}'))
    assert frame.headers[":message-type"] == "exception"
    assert frame.headers[":exception-type"] == "throttlingException"
