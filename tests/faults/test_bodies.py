"""Bodies that no client sends: too large, compressed, no JSON, too deep, of wrong types."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from gateway.simulator import LOCAL_API_KEY
from tests.faults.logged_gateway import LoggedGateway, serving
from tests.faults.measured import MIB, post, within
from tests.faults.raw_http import upload
from tests.faults.wrong_types import CASES, WHOLE, WrongType
from tests.support.gateway import HELLO, Gateway

LIMIT: Final = 4 * MIB
# Python's allocator, the sockets' buffers, and what the answers before have left.
SLACK: Final = 12 * MIB
KEY: Final = f"x-api-key: {LOCAL_API_KEY}\r\n"
LEAST_WRONG_TYPES: Final = 121


@pytest.fixture(scope="module")
async def small() -> AsyncIterator[LoggedGateway]:
    """A process that takes bodies of 4 MiB."""
    async with serving(CHATRIX_MAX_BODY_BYTES=str(LIMIT)) as running:
        assert (await running.ask("[[say:warm]]")).status == 200
        yield running


@pytest.fixture(scope="module")
async def serve() -> AsyncIterator[LoggedGateway]:
    """A process with the settings that it has by default."""
    async with serving() as running:
        assert (await running.ask("[[say:warm]]")).status == 200
        yield running


async def pieces_of(body_bytes: int, *, chunked: bool) -> AsyncIterator[bytes]:
    piece = b" " * MIB
    for _ in range(body_bytes // MIB):
        yield b"%x\r\n%s\r\n" % (MIB, piece) if chunked else piece


def head(framing: str, key: str = KEY) -> bytes:
    return f"POST /v1/messages HTTP/1.1\r\nhost: gateway\r\n{key}{framing}\r\n\r\n".encode()


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_a_body_over_the_limit_is_a_413_and_not_read_to_its_end(small: LoggedGateway, chunked: bool) -> None:
    """A gigabyte is begun; of it, little more than the limit is taken, and of a declared one next to nothing."""
    whole = 1024 * MIB
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {whole}"
    with within(small, grown=LIMIT + SLACK):
        for _ in range(5):
            answer, sent_bytes = await upload(small.url, head(framing), pieces_of(whole, chunked=chunked))
            assert answer.startswith(b"HTTP/1.1 413")
            assert sent_bytes < (LIMIT if chunked else 0) + SLACK
    status, told = await post(small, b" " * (LIMIT + 1))
    assert (status, told["error"]["type"]) == (413, "request_too_large")


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
@pytest.mark.parametrize("key", ["", "x-api-key: of-nobody-but-long-enough\r\n"], ids=["no key", "wrong key"])
async def test_without_a_key_no_upload_is_read(serve: LoggedGateway, key: str, chunked: bool) -> None:
    whole = 30 * MIB
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {whole}"
    with within(serve, grown=SLACK):
        answer, sent_bytes = await upload(serve.url, head(framing, key), pieces_of(whole, chunked=chunked))
    assert answer.startswith(b"HTTP/1.1 401")
    # What fits into the buffers of both sockets before the answer is seen.
    assert sent_bytes < SLACK


async def test_many_large_uploads_without_a_key_cost_no_memory(serve: LoggedGateway) -> None:
    before = serve.memory_bytes()
    framing = f"content-length: {30 * MIB}"
    uploads = [upload(serve.url, head(framing, ""), pieces_of(30 * MIB, chunked=False)) for _ in range(40)]
    answers = await asyncio.gather(*uploads)
    assert {answer[:12] for answer, _ in answers} == {b"HTTP/1.1 401"}
    assert serve.memory_bytes() - before < 2 * SLACK


def bombs() -> dict[str, tuple[str, bytes]]:
    """Little on the wire and much inflated; the last one is nothing at all, 20,000 times."""
    zeros = gzip.compress(b"\0" * (64 * MIB))
    plain = json.dumps(HELLO).encode()
    return {
        "gzip": ("gzip", zeros),
        "x-gzip": ("x-gzip", zeros),
        "deflate": ("deflate", zlib.compress(b"\0" * (64 * MIB))),
        "br": ("br", b"\xcf\xff\xff\x7f\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xff\xfe\x07"),
        "zstd": ("zstd", b"\x28\xb5\x2f\xfd\xa4\x00\x00\x00\x04\x02\x00\x10\x00\x00"),
        "double gzip": ("gzip, gzip", gzip.compress(zeros)),
        "gzip in upper case": ("GZIP", zeros),
        "gzip, said to be plain as well": ("identity, gzip", zeros),
        "an unknown one": ("rot13", plain),
        "a good body in gzip": ("gzip", gzip.compress(plain)),
        "20,000 empty members": ("gzip", gzip.compress(b"") * 20_000),
    }


@pytest.mark.parametrize("name", bombs())
async def test_a_compressed_body_is_never_inflated(serve: LoggedGateway, name: str) -> None:
    encoding, body = bombs()[name]
    with within(serve, grown=SLACK):
        status, answer = await post(serve, body, **{"content-encoding": encoding})
        assert (status, answer["error"]["type"]) == (415, "invalid_request_error")
        # Without its label it is only what it is: no JSON, unless it was plain all the time.
        status, _ = await post(serve, body)
        assert status == (200 if name == "an unknown one" else 400)
        # Compressed on the way, by HTTP's own words for it: no more is inflated.
        framing = f"transfer-encoding: {encoding}, chunked"
        sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        raw, _ = await upload(serve.url, head(framing), as_one(sent))
        assert raw.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 200" if name == "an unknown one" else b"-"))


async def as_one(sent: bytes) -> AsyncIterator[bytes]:
    yield sent


_PLAIN: Final = json.dumps(HELLO)


def with_member(member: str) -> bytes:
    """A good body with one more member, as it stands in JSON."""
    return f"{_PLAIN[:-1]}, {member}}}".encode()


def nested(opening: str, closing: str, levels: int, inner: str = "1") -> str:
    return opening * levels + inner + closing * levels


NO_JSON: Final[dict[str, bytes]] = {
    "nothing": b"",
    "white space": b" \n\t " * 1000,
    "NUL": b"\0" * 1000,
    "a word": b"hello",
    "a form": b"model=claude-sonnet-4-5&max_tokens=5",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "an array": b"[" + _PLAIN.encode() + b"]",
    "a text": json.dumps(_PLAIN).encode(),
    "a number": b"5",
    "null": b"null",
    "true": b"true",
    "a body and something behind it": _PLAIN.encode() + b"}",
    "a body twice": _PLAIN.encode() * 2,
    "lines of JSON": _PLAIN.encode() + b"\n" + _PLAIN.encode(),
    "a comma at the end": _PLAIN[:-1].encode() + b",}",
    "a comment": b"/* a */" + _PLAIN.encode(),
    "single quotes": _PLAIN.replace('"', "'").encode(),
    "NaN": with_member('"temperature": NaN'),
    "Infinity": with_member('"temperature": Infinity'),
    "-Infinity": with_member('"temperature": -Infinity'),
    "1e999": with_member('"temperature": 1e999'),
    "a plus": with_member('"top_k": +5'),
    "a leading zero": with_member('"top_k": 05'),
    "a hexadecimal number": with_member('"top_k": 0x5'),
    "5,000 digits": with_member('"top_k": ' + "9" * 5_000),
    "5,000 digits in an unknown field": with_member('"unknown": ' + "9" * 5_000),
    "an integer of 65 bits in a tool": with_member(
        '"tools": [{"name": "a", "input_schema": {"maximum": 18446744073709551616}}]'
    ),
    "half a character": with_member('"system": "\\ud800"'),
    "the other half": with_member('"system": "\\udc00 \\ud800"'),
    "half a character in a name": with_member('"\\ud800": 1'),
    "half a character in UTF-8": with_member('"system": "').replace(b"}", b"") + b'\xed\xa0\x80"}',
    "UTF-16": _PLAIN.encode("utf-16"),
    "UTF-16 without a mark": _PLAIN.encode("utf-16-le"),
    "UTF-32": _PLAIN.encode("utf-32"),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + _PLAIN.encode(),
    "UTF-7": b"+AHs-" + _PLAIN.encode(),
    "Latin-1": with_member('"system": "caf\u00e9"').decode().encode("latin-1"),
    "NUL in two bytes": with_member('"system": "X"').replace(b"X", b"\xc0\x80"),
    "a control character": with_member('"system": "\x01"'),
    "a line in a text": with_member('"system": "a\nb"'),
    "100,000 arrays": nested("[", "]", 100_000).encode(),
    "100,000 arrays that do not end": b"[" * 100_000,
    "100,000 objects": nested('{"a":', "}", 100_000).encode(),
    "100,000 arrays in a field": with_member('"system": ' + nested("[", "]", 100_000)),
    "100,000 objects in a tool": with_member(
        '"tools": [{"name": "a", "input_schema": ' + nested('{"a":', "}", 100_000) + "}]"
    ),
    "1,000 arrays in an unknown field": with_member('"unknown": ' + nested("[", "]", 1_000)),
    "300 objects in a schema": with_member(
        '"tools": [{"name": "a", "input_schema": ' + nested('{"a":', "}", 300) + "}]"
    ),
}

ODD_JSON: Final[dict[str, bytes]] = {
    "a model twice, the last one good": b'{"model": "nobody", ' + _PLAIN[1:].encode(),
    "messages twice": with_member('"messages": [{"role": "user", "content": "[[say:second]]"}]'),
    "a field 1,000 times": with_member(", ".join(['"unknown": 1'] * 1_000)),
    "__proto__": with_member('"__proto__": {"max_tokens": 5}, "constructor": {"prototype": {"a": 1}}'),
    "__class__": with_member('"__class__": "a", "__init__": {}, "__dict__": {}, "self": 1'),
    "an empty name": with_member('"": 1'),
    "NUL in a text": with_member('"system": "a\\u0000b"'),
    "NUL in a name": with_member('"a\\u0000b": 1'),
    "every escape": with_member('"system": "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"'),
    "escapes of the terminal": with_member('"system": "\\u001b[2J\\u001b]0;a\\u0007"'),
    "marks of direction": with_member('"system": "\\u202e\\u2066\\ufeff\\uffff"'),
    "a name of a megabyte": with_member('"' + "a" * 1_000_000 + '": 1'),
    "100,000 unknown fields": with_member(", ".join(f'"u{number}": 1' for number in range(100_000))),
    "200 arrays in an unknown field": with_member('"unknown": ' + nested("[", "]", 200)),
    "-0": with_member('"temperature": -0'),
    "1e-999": with_member('"temperature": 1e-999'),
    "40 digits behind the point": with_member('"temperature": 0.' + "1" * 40),
    "64 bits": with_member('"tools": [{"name": "a", "input_schema": {"maximum": 18446744073709551615}}]'),
    "white space all over": _PLAIN.replace(" ", " \n\r\t" * 1_000).encode(),
    "megabytes of white space at the end": _PLAIN.encode() + b" " * 10_000_000,
}


@pytest.mark.parametrize("name", NO_JSON)
async def test_what_is_not_strict_json_within_the_limits_is_a_400(serve: LoggedGateway, name: str) -> None:
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        with within(serve):
            status, answer = await post(serve, NO_JSON[name], path)
        assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
        assert len(answer["error"]["message"]) < 500


@pytest.mark.parametrize("name", ODD_JSON)
async def test_odd_json_is_read_as_what_it_says(serve: LoggedGateway, name: str) -> None:
    with within(serve):
        status, answer = await post(serve, ODD_JSON[name])
    assert status == 200, answer


# What a body begins with, and what is repeated to its end.
TINY: Final[dict[str, tuple[bytes, bytes]]] = {
    "arrays": (b'{"messages":[', b"[],"),
    "objects": (b'{"messages":[', b"{},"),
    "digits": (b'{"messages":[', b"0,"),
    "texts": (b'{"messages":[', b'"",'),
    "members": (b"{", b'"":0,'),
    "commas": (b'{"messages":[', b","),
    "openings": (b'{"messages":', b"["),
    "objects in objects": (b"", b'{"":'),
    "quotes": (b'{"messages":[', b'"'),
    "quotes in a text": (b'{"model":"', b'\\"'),
    "quotes and commas in a text": (b'{"model":"', b',\\"'),
    "backslashes in a text": (b'{"model":"', b"\\"),
    "texts that are not closed": (b'{"messages":[', b'"a,'),
    "arrays in a text that is not closed": (b'{"model":"', b"[],"),
}


@pytest.mark.parametrize("name", TINY)
async def test_32_mib_of_next_to_nothing_are_refused_quickly(serve: LoggedGateway, name: str) -> None:
    """A value may take a hundred times its bytes in memory, and a pattern may look for the end of a text for hours."""
    opening, repeated = TINY[name]
    body = (opening + repeated * (32 * MIB // len(repeated)))[: 32 * MIB]
    # The body as it came, one copy without its texts, and what one million values take.
    with within(serve, grown=320 * MIB):
        status, answer = await post(serve, body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


def asked_of_aws(gateway: Gateway) -> int:
    """Calls so far, but for those about the keys."""
    return sum(exchange.operation != "GetSecretValue" for exchange in gateway.simulator.exchanges)


def test_there_are_enough_wrong_types() -> None:
    assert len(CASES) >= LEAST_WRONG_TYPES


async def test_the_request_that_the_wrong_types_are_put_into_is_good(gateway: Gateway) -> None:
    async with gateway.post(WHOLE) as response:
        assert response.status == 200, await response.text()


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_wrong_type_is_a_400_that_names_its_place(gateway: Gateway, case: WrongType) -> None:
    before = asked_of_aws(gateway)
    async with gateway.post(case.body) as response:
        answer = await response.json()
        assert response.status == 400, answer
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["error"]["message"].startswith(case.path)
    assert asked_of_aws(gateway) == before, "it went to AWS"


async def test_the_same_holds_where_tokens_are_counted(gateway: Gateway) -> None:
    before = asked_of_aws(gateway)
    for case in CASES:
        if case == WrongType("max_tokens", None):
            continue  # not needed there
        async with gateway.post(case.body, "/v1/messages/count_tokens") as response:
            assert response.status == 400, case
            assert (await response.json())["error"]["message"].startswith(case.path)
    assert asked_of_aws(gateway) == before, "it went to AWS"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": " \n"}],
        [{"role": "user", "content": [{"type": "text", "text": ""}]}],
        [{"role": "assistant", "content": ""}],
        [{"role": "system", "content": ""}],
        [{}],
        [{"role": "user"}],
        [{"content": "a"}],
    ],
    ids=json.dumps,
)
async def test_a_conversation_that_says_nothing_is_a_400(gateway: Gateway, messages: list[Any]) -> None:
    before = asked_of_aws(gateway)
    async with gateway.post({**HELLO, "messages": messages}) as response:
        answer = await response.json()
        assert response.status == 400
        assert answer["error"]["message"].startswith("messages")
    assert asked_of_aws(gateway) == before
