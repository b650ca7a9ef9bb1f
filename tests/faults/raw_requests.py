"""The payloads of request smuggling, and their harmless kin: what they say, and what the gateway makes of them.

Two readers of HTTP that disagree about where a request ends are what smuggling needs. So whatever can be read in two
ways must be refused and its connection closed, and what is well formed must be read to exactly where it ends. Behind
each malformed row the tests send `HIDDEN`, a request that would be answered if anything of the connection were read on.
Sources: RFC 9112 sections 2.2, 5, 6, 7 and 9.3; the advisories of aiohttp and llhttp since 2023.
"""

import json
from dataclasses import dataclass
from typing import Final

from gateway.simulator import LOCAL_API_KEY
from tests.support.gateway import asking

# In the conversation of the hidden request, and nowhere else: the simulator must never read it.
CANARY: Final = "smuggled-canary"
POST: Final = b"POST /v1/messages HTTP/1.1\r\n"
GET: Final = b"GET /version HTTP/1.1\r\n"
HOST: Final = b"host: gateway\r\n"
KEY: Final = b"x-api-key: %s\r\n" % LOCAL_API_KEY.encode()
OK: Final = json.dumps(asking("[[say:outer]]")).encode()
SIZE: Final = len(OK)
LENGTH: Final = b"content-length: %d\r\n" % SIZE
CHUNKED: Final = b"transfer-encoding: chunked\r\n"
IN_CHUNKS: Final = b"%x\r\n%s\r\n0\r\n\r\n" % (SIZE, OK)


def post(headers: bytes, body: bytes, start: bytes = POST) -> bytes:
    """A request whose key is good."""
    return start + HOST + KEY + headers + b"\r\n" + body


_HIDDEN_BODY: Final = json.dumps(asking(f"[[say:{CANARY}]]")).encode()
HIDDEN: Final = post(b"content-length: %d\r\n" % len(_HIDDEN_BODY), _HIDDEN_BODY)
_HIDDEN_LENGTH: Final = b"content-length: %d\r\n" % len(HIDDEN)
_HIDDEN_IN_CHUNKS: Final = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)


@dataclass(frozen=True, slots=True)
class Odd:
    """Strange, and well formed. `statuses`: of all its answers, that of the last request behind it included."""

    sent: bytes
    statuses: tuple[int, ...] = (200, 200)


def _two_readings() -> dict[str, bytes]:
    """A length and chunks, or more than one of either."""
    smuggling = b"content-length: %d\r\n" % (len(HIDDEN) + 5)
    return {
        "length, then chunks": post(smuggling + CHUNKED, b"0\r\n\r\n" + HIDDEN),
        "chunks, then a length": post(CHUNKED + b"content-length: 4\r\n", _HIDDEN_IN_CHUNKS),
        "two lengths": post(LENGTH + b"content-length: %d\r\n" % (SIZE + len(HIDDEN)), OK),
        "two lengths, the same": post(LENGTH + LENGTH, OK),
        "a list of lengths": post(b"content-length: %d, %d\r\n" % (SIZE, SIZE + len(HIDDEN)), OK),
        "a list of lengths, the same": post(b"content-length: %d, %d\r\n" % (SIZE, SIZE), OK),
        "chunked, then identity": post(CHUNKED + b"transfer-encoding: identity\r\n", IN_CHUNKS),
        "identity, then chunked": post(b"transfer-encoding: identity\r\n" + CHUNKED, IN_CHUNKS),
        "chunked twice": post(CHUNKED + CHUNKED, IN_CHUNKS),
        "chunks in HTTP/1.0": post(CHUNKED, IN_CHUNKS, b"POST /v1/messages HTTP/1.0\r\n"),
        "two hosts": GET + HOST + b"host: other\r\n\r\n",
        "no host": GET + b"\r\n",
    }


def _lengths() -> dict[str, bytes]:
    """Not a number, to a strict reader."""
    values = {
        "negative": b"-1",
        "with a plus": b"+%d" % SIZE,
        "hexadecimal": b"0x%x" % SIZE,
        "as a float": b"1e3",
        "twice in one": b"%d %d" % (SIZE, SIZE),
        "empty": b"",
        "of 20 digits": b"99999999999999999999",
        "of 2**64": b"18446744073709551616",
        "behind a vertical tab": b"\x0b%d" % SIZE,
        "in Arabic digits": "٣".encode(),
        "with a semicolon": b"%d;" % SIZE,
        "with a comma": b"%d," % SIZE,
        "with NUL": b"%d\x00" % SIZE,
        "with an underscore": b"1_0",
    }
    return {f"length {name}": post(b"content-length: %s\r\n" % value, OK) for name, value in values.items()}


def _codings() -> dict[str, bytes]:
    values = {
        "xchunked": b"xchunked",
        "chunked, identity": b"chunked, identity",
        "identity": b"identity",
        "deflate": b"deflate",
        "chunked, chunked": b"chunked, chunked",
        "vertical tab and chunked": b"\x0bchunked",
        "chunked with a parameter": b"chunked;q=1",
        "chunked in quotes": b'"chunked"',
        "nothing": b"",
        "chunked with NUL": b"chunked\x00",
        "chunked around NUL": b"chun\x00ked",
    }
    alone = {f"coding {name}": post(b"transfer-encoding: %s\r\n" % value, IN_CHUNKS) for name, value in values.items()}
    # In front of a length even codings that are fine alone are not.
    beside = {**values, "chunked": b"chunked", "CHUNKED": b"CHUNKED", "gzip, chunked": b"gzip, chunked"}
    return alone | {
        f"a length, and coding {name}": post(LENGTH + b"transfer-encoding: %s\r\n" % value, OK)
        for name, value in beside.items()
    }


def _lines() -> dict[str, bytes]:
    """Where a line ends, and what may stand in one."""
    fine = post(LENGTH, OK)
    return {
        "a space before the colon of the coding": post(b"transfer-encoding : chunked\r\n" + LENGTH, OK),
        "a space before the colon of the length": post(b"content-length : %d\r\n" % SIZE, OK),
        "the coding on a folded line": post(b"transfer-encoding:\r\n chunked\r\n", IN_CHUNKS),
        "a folded line": post(b"x: a\r\n b\r\n" + LENGTH, OK),
        "a space before the first header": POST + b" " + CHUNKED + HOST + KEY + LENGTH + b"\r\n" + OK,
        "lines that end with LF": fine.replace(b"\r\n", b"\n"),
        "lines that end with CR": fine.replace(b"\r\n", b"\r"),
        "a head that ends with LF": GET + HOST + b"\n",
        "LF in a header": post(b"x: a\ntransfer-encoding: chunked\r\n" + LENGTH, OK),
        "CR in a header": post(b"x: a\rtransfer-encoding: chunked\r\n" + LENGTH, OK),
        "NUL in a header": post(b"x: a\x00b\r\n" + LENGTH, OK),
        "NUL in a header's name": post(b"x\x00: a\r\n" + LENGTH, OK),
        "a control character in a header": post(b"x: a\x01b\r\n" + LENGTH, OK),
        "a space in a header's name": post(b"con tent: 5\r\n" + LENGTH, OK),
        "no ASCII in a header's name": post("cöntent: 5\r\n".encode() + LENGTH, OK),
        "a header without a name": post(b": 5\r\n" + LENGTH, OK),
        "a header without a colon": post(b"transfer-encoding chunked\r\n" + LENGTH, OK),
        "ten thousand headers": GET + HOST + b"a: b\r\n" * 10_000 + b"\r\n",
        "a header of 40 KB": GET + HOST + b"a: " + b"b" * 40_000 + b"\r\n\r\n",
        "a header's name of 40 KB": GET + HOST + b"a" * 40_000 + b": b\r\n\r\n",
    }


def _chunks() -> dict[str, bytes]:
    sizes = {
        "with a plus": b"+%x" % SIZE,
        "negative": b"-%x" % SIZE,
        "with 0x": b"0x%x" % SIZE,
        "before a space": b"%x " % SIZE,
        "behind a space": b" %x" % SIZE,
        "before a tab": b"%x\t;a" % SIZE,
        "with an underscore": b"%x_0" % SIZE,
        "with NUL": b"%x\x00" % SIZE,
        "of 17 digits": b"1" + b"0" * 16,
        "empty": b"",
        "of no digits": b"zz",
        "with LF in its extension": b"%x;a\nb" % SIZE,
        "with CR in its extension": b"%x;a\rb" % SIZE,
        "with a line in its extension": b'%x;"a\r\nb"' % SIZE,
    }
    end = b"\r\n0\r\n\r\n"
    bodies = {f"chunk size {name}": size + b"\r\n" + OK + end for name, size in sizes.items()}
    bodies |= {
        "a chunk longer than its size": b"%x\r\n%sXX%s" % (SIZE, OK, end),
        "a chunk without its end": b"%x\r\n%s0\r\n\r\n" % (SIZE, OK),
        "chunks that end with LF": b"%x\n%s\n0\n\n" % (SIZE, OK),
    }
    whole = b"%x\r\n%s\r\n0\r\n" % (SIZE, OK)
    bodies |= {
        "a length in the trailer": whole + b"content-length: 5\r\n\r\n",
        "a coding in the trailer": whole + CHUNKED + b"\r\n",
        "a trailer that is no header": whole + b"no header\r\n\r\n",
        "a request in the trailer": whole + HIDDEN,
        "a trailer of 40 KB": whole + b"a: " + b"b" * 40_000 + b"\r\n\r\n",
        "ten thousand trailers": whole + b"a: b\r\n" * 10_000 + b"\r\n",
    }
    return {name: post(CHUNKED, body) for name, body in bodies.items()}


def _first_lines() -> dict[str, bytes]:
    lines = {
        "HTTP/0.9": b"GET /version",
        "HTTP/1.2": b"GET /version HTTP/1.2",
        "HTTP/2.0": b"GET /version HTTP/2.0",
        "HTTP/9.9": b"GET /version HTTP/9.9",
        "HTTP/1": b"GET /version HTTP/1",
        "HTTP/01.1": b"GET /version HTTP/01.1",
        "HTTP/1.10": b"GET /version HTTP/1.10",
        "a space behind the version": b"GET /version HTTP/1.1 ",
        "http/1.1": b"GET /version http/1.1",
        "another protocol": b"GET /version ICE/1.0",
        "get": b"get /version HTTP/1.1",
        "a method that nobody knows": b"GETX /version HTTP/1.1",
        "no method": b" /version HTTP/1.1",
        "NUL in the method": b"G\x00ET /version HTTP/1.1",
        "tabs in the first line": b"GET\t/version\tHTTP/1.1",
        "a space in the path": b"GET /version /x HTTP/1.1",
        "NUL in the path": b"GET /ver\x00sion HTTP/1.1",
        "no ASCII in the path": "GET /vérsion HTTP/1.1".encode(),
        "a path without its slash": b"GET version HTTP/1.1",
        "a path of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
        "a query of 100 KB": b"GET /version?" + b"a" * 100_000 + b" HTTP/1.1",
        "the line of a proxy": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2",
        "SMTP": b"EHLO gateway",
        "Redis": b"*1\r\n$4\r\nPING",
    }
    return {name: line + b"\r\n" + HOST + b"\r\n" for name, line in lines.items()} | {
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "TLS": bytes.fromhex("16030100c8010000c40303") + b"a" * 200,
    }


# Each is answered with one refusal, and the connection is closed.
MALFORMED: Final = {
    **_two_readings(),
    **_lengths(),
    **_codings(),
    **_lines(),
    **_chunks(),
    **_first_lines(),
}

_NO_KEY: Final = b"POST /v1/messages HTTP/1.1\r\n" + HOST
_LONG_WAY: Final = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"

# Bodies that are requests, for whoever forgets to read a refused one to its end; and forms that few clients use.
WELL_FORMED: Final = {
    "a length with a leading zero": Odd(post(b"content-length: 0%d\r\n" % SIZE, OK)),
    "a length between spaces": Odd(post(b"content-length: \t%d \r\n" % SIZE, OK)),
    "CHUNKED": Odd(post(b"transfer-encoding: CHUNKED\r\n", IN_CHUNKS)),
    "a tab before chunked": Odd(post(b"transfer-encoding:\tchunked \r\n", IN_CHUNKS)),
    "identity, chunked": Odd(post(b"transfer-encoding: identity, chunked\r\n", IN_CHUNKS)),
    "gzip, chunked, but not compressed": Odd(post(b"transfer-encoding: gzip, chunked\r\n", IN_CHUNKS)),
    "a chunk size with leading zeros": Odd(post(CHUNKED, b"%030x\r\n%s\r\n000\r\n\r\n" % (SIZE, OK))),
    "a chunk extension": Odd(post(CHUNKED, b'%x;a="b"\r\n%s\r\n0;c\r\n\r\n' % (SIZE, OK))),
    "a chunk extension of 20 KB": Odd(post(CHUNKED, b"%x;%s\r\n%s\r\n0\r\n\r\n" % (SIZE, b"a" * 20_000, OK))),
    "chunks of one byte": Odd(post(CHUNKED, b"".join(b"1\r\n%c\r\n" % each for each in OK) + b"0\r\n\r\n")),
    "a name with an underscore is another": Odd(post(b"transfer_encoding: chunked\r\n" + LENGTH, OK)),
    "NEL in a header": Odd(post(b"x: a\x85transfer-encoding: chunked\r\n" + LENGTH, OK)),
    "a separator of lines in a header": Odd(post("x: a\u2028transfer-encoding: chunked\r\n".encode() + LENGTH, OK)),
    "empty lines before it": Odd(b"\r\n" * 1000 + GET + HOST + b"\r\n"),
    "two spaces before the path": Odd(b"GET  /version HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a whole URL for a path": Odd(b"GET http://other.example/version HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a whole URL for a path, without a key": Odd(
        b"POST http://other.example/v1/messages HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n" + OK, (401, 200)
    ),
    "a fragment": Odd(b"GET /version#/v1/messages HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": Odd(b"CONNECT other.example:443 HTTP/1.1\r\nhost: other.example:443\r\n\r\n", (404, 200)),
    "OPTIONS of everything": Odd(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", (404, 200)),
    "a wish for WebSocket": Odd(GET + HOST + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    "a POST that wishes for HTTP/2": Odd(post(_LONG_WAY + LENGTH, OK), (200,)),
    "a body of a GET is a request": Odd(GET + HOST + _HIDDEN_LENGTH + b"\r\n" + HIDDEN),
    "chunks of a GET are a request": Odd(GET + HOST + CHUNKED + b"\r\n" + _HIDDEN_IN_CHUNKS),
    "without a key, and the body is a request": Odd(_NO_KEY + _HIDDEN_LENGTH + b"\r\n" + HIDDEN, (401, 200)),
    "without a key, and the chunks are a request": Odd(_NO_KEY + CHUNKED + b"\r\n" + _HIDDEN_IN_CHUNKS, (401, 200)),
    "a key in the trailer is none": Odd(
        _NO_KEY + CHUNKED + b"\r\n%x\r\n%s\r\n0\r\n%s\r\n" % (SIZE, OK, KEY), (401, 200)
    ),
    "a wrong method, and the body is a request": Odd(
        b"PUT /v1/messages HTTP/1.1\r\n" + HOST + KEY + _HIDDEN_LENGTH + b"\r\n" + HIDDEN, (405, 200)
    ),
    "a wrong path, and the body is a request": Odd(
        b"POST /v2 HTTP/1.1\r\n" + HOST + KEY + _HIDDEN_LENGTH + b"\r\n" + HIDDEN, (404, 200)
    ),
    "compressed, and the body is a request": Odd(
        post(b"content-encoding: gzip\r\n" + _HIDDEN_LENGTH, HIDDEN), (415, 200)
    ),
    "no JSON, and the body is a request": Odd(post(_HIDDEN_LENGTH, HIDDEN), (400, 200)),
    "100-continue, and the body is a request": Odd(
        post(b"expect: 100-continue\r\n" + _HIDDEN_LENGTH, HIDDEN), (400, 200)
    ),
    "another expectation, and the body is a request": Odd(
        post(b"expect: 200-maybe\r\n" + _HIDDEN_LENGTH, HIDDEN), (400, 200)
    ),
}
# The parser drops what came in one piece behind a wish for another protocol, so the last request is not answered.
NOT_IN_STEP: Final = frozenset({"a POST that wishes for HTTP/2"})
