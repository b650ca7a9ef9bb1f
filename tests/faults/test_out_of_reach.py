"""Bedrock cannot be reached, or says nothing: no client waits beyond its patience, and no outage is multiplied."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.simulator import Refusal, Trouble
from tests.faults.failures import Row, check_refusal, check_words, serving_raw, stream_of
from tests.faults.logged_gateway import serving
from tests.faults.raw_bedrock import RawAnswer, in_chunks, open_raw_bedrock
from tests.server.test_upstream import full_listener
from tests.support.anthropic_stream import read_stream

# What a client's patience allows, with all default settings.
PATIENCE_SECONDS: Final = 20.0
# The most retries that all requests together have; see `gateway/upstreams/retry_budget.py`.
RETRIES_IN_ALL: Final = 10
OUTAGE_REQUESTS: Final = 200

GOOD: Final = in_chunks(stream_of("ok"))
# Three ways of not beginning to answer, by prompt.
SILENCES: Final = {
    "silence": RawAnswer(b"", "hold"),
    "silence behind the headers": RawAnswer(in_chunks(ended=False), "hold"),
    "silence inside the first frame": RawAnswer(in_chunks(stream_of("x")[:20], ended=False), "hold"),
}


def play(prompt: str) -> RawAnswer:
    return SILENCES.get(prompt, RawAnswer(GOOD))


# --- nobody there

# One byte longer than the DNS can carry, so the resolver fails by itself and no packet goes out.
TOO_LONG_A_NAME: Final = ".".join(("a" * 63, "b" * 63, "c" * 63, "d" * 54, "invalid"))
UNREACHABLE: Final = {
    "refused": ("upstream_connect", 2),
    "connect hangs": ("upstream_connect", 1),
    "TLS to a plain socket": ("upstream_tls", 1),
    "TLS that hangs": ("upstream_connect", 1),
    "DNS": ("upstream_dns", 1),
}


@asynccontextmanager
async def unreachable(how: str) -> AsyncIterator[str]:
    """The address of a Bedrock that cannot be reached in this way."""
    if how == "DNS":
        yield f"http://{TOO_LONG_A_NAME}"
    elif how == "connect hangs":
        with full_listener() as url:
            yield url
    elif how.startswith("TLS"):
        async with open_plain_socket(b"HTTP/1.1 400 Bad Request\r\n\r\n" if "plain" in how else b"") as port:
            yield f"https://127.0.0.1:{port}"
    else:
        async with open_raw_bedrock(play) as bedrock:
            closed = bedrock.url
        yield closed


@asynccontextmanager
async def open_plain_socket(answer: bytes) -> AsyncIterator[int]:
    """Answers whatever comes with these bytes, or with nothing at all."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        if not answer:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("how", UNREACHABLE)
async def test_a_bedrock_out_of_reach_is_a_529_within_a_clients_patience(how: str) -> None:
    fault, calls = UNREACHABLE[how]
    row = Row(how, "[[say:x]]", 529, "overloaded_error", fault, calls)
    async with unreachable(how) as url, serving(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=url) as gateway:
        began = time.monotonic()
        streamed, whole = await asyncio.gather(*(gateway.ask(row.script, stream=stream) for stream in (True, False)))
        took_seconds = time.monotonic() - began
    check_refusal(streamed, row)
    check_refusal(whole, row)
    assert took_seconds < PATIENCE_SECONDS


async def test_a_certificate_that_nobody_vouches_for_is_never_talked_to(tmp_path: Path) -> None:
    async with open_raw_bedrock(play, certificate=self_signed(tmp_path)) as bedrock:
        url = f"https://127.0.0.1:{bedrock.port}"
        async with serving(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=url) as gateway:
            row = Row("certificate", "a secret prompt", 529, "overloaded_error", "upstream_tls")
            check_refusal(await gateway.ask(row.script, stream=True), row)
    assert (bedrock.connections, bedrock.calls) == (0, 0)


def self_signed(folder: Path) -> ssl.SSLContext:
    """For 127.0.0.1, by its own hand."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(addresses, critical=False).sign(key, hashes.SHA256())
    pem = folder / "certificate.pem"
    unlocked = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(key.private_bytes(*unlocked) + certificate.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


async def test_a_bedrock_that_comes_back_is_found_by_itself() -> None:
    async with open_raw_bedrock(play) as bedrock:
        url, port = bedrock.url, bedrock.port
    async with serving(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=url) as gateway:
        assert (await gateway.ask("fine")).status == 529
        async with open_raw_bedrock(play, port):
            assert (await gateway.ask("fine")).status == 200
        assert (await gateway.ask("fine")).status == 529


# --- an outage


async def test_an_outage_is_not_multiplied_by_retries() -> None:
    """200 requests, streamed and not: at most ten calls more than requests, and the log says where one was saved."""
    async with serving() as gateway:
        assert (await gateway.ask("[[say:ok]]")).status == 200
        began = gateway.now()
        gateway.simulator.troubles["ConverseStream"] = Trouble(Refusal("ServiceUnavailableException"))
        answers = await asyncio.gather(
            *(gateway.ask("[[say:ok]]", stream=number % 2 == 0) for number in range(OUTAGE_REQUESTS))
        )
        calls = len(gateway.calls(began))
        del gateway.simulator.troubles["ConverseStream"]
        assert (await gateway.ask("[[say:ok]]")).status == 200
    assert {answer.status for answer in answers} == {529}
    assert calls == OUTAGE_REQUESTS + RETRIES_IN_ALL
    assert sum(answer.line["upstream_calls"] for answer in answers) == calls
    saved = [answer.line for answer in answers if answer.line.get("retry_budget_empty")]
    assert len(saved) == OUTAGE_REQUESTS - RETRIES_IN_ALL


# --- silence

TIMEOUT: Final = {"CHATRIX_FIRST_EVENT_TIMEOUT_SECONDS": "0.8"}


async def test_silence_before_the_first_event_is_a_504_at_the_deadline() -> None:
    async with serving_raw(play, **TIMEOUT) as (gateway, bedrock):
        assert (await gateway.ask("fine")).status == 200
        began = time.monotonic()
        asked = [(prompt, stream) for prompt in SILENCES for stream in (True, False)]
        answers = await asyncio.gather(*(gateway.ask(prompt, stream=stream) for prompt, stream in asked))
        took_seconds = time.monotonic() - began
        async with asyncio.timeout(5):
            await bedrock.wait_until(lambda: bedrock.open_connections <= 1)
        # The call was given up, not sent again: its model may be at work.
        assert bedrock.calls == 1 + len(asked)
    for answer in answers:
        check_refusal(answer, Row("silence", "", 504, "timeout_error", "first_event_timeout"))
    assert 0.8 <= took_seconds < 4


async def test_silence_behind_the_early_200_ends_in_an_error_event() -> None:
    early: Final = {"CHATRIX_COMMIT_SECONDS": "0.2", "CHATRIX_PING_SECONDS": "0.1"}
    async with serving_raw(play, **TIMEOUT, **early) as (gateway, bedrock):
        answers = await asyncio.gather(*(gateway.ask(prompt, stream=True) for prompt in SILENCES))
        async with asyncio.timeout(5):
            await bedrock.wait_until(lambda: bedrock.open_connections == 0)
    for answer in answers:
        reply = read_stream(answer.body)
        assert answer.status == 200
        assert reply.pings >= 2
        assert not reply.whole
        assert answer.error["type"] == "timeout_error"
        assert answer.line["fault"] == "first_event_timeout"
        check_words(answer)
