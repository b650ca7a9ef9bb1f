"""Bedrock fails before its first event: its own refusals, and whatever else may answer in its place. Streamed and not.

Each row says what the caller gets, what the log line calls it, and how often Bedrock was asked. What no text may tell
is checked in every row: hosts, ARNs, accounts, and what the gateway is made of.

ModelNotReady is a 529 here, not a 429: Bedrock's model calls it retryable and not throttling, so that a client need not
slow down for it. The log counts it with the throttles all the same.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

import pytest

from gateway.simulator import Refusal, Trouble
from tests.faults.failures import STREAMED, TELLTALE, Row, check_refusal, serving_raw, stream_of
from tests.faults.logged_gateway import LoggedGateway, serving
from tests.faults.raw_bedrock import RawAnswer, RawBedrock, in_chunks, open_raw_bedrock, with_length
from tests.support.anthropic_stream import read_stream


def exception(name: str, status: int, kind: str, fault: str, calls: int = 1, message: str = TELLTALE) -> Row:
    return Row(name, f"[[error:{name} {message}]]", status, kind, fault, calls)


SKEW: Final = "Signature expired: 20260801T100000Z is now earlier than 20260801T101500Z (20260801T102000Z - 5 min.)"
REFUSALS: Final = (
    exception("ThrottlingException", 429, "rate_limit_error", "throttled"),
    exception("ModelNotReadyException", 529, "overloaded_error", "throttled", calls=2),
    exception("ServiceUnavailableException", 529, "overloaded_error", "upstream_unavailable", calls=2),
    exception("ServiceQuotaExceededException", 429, "rate_limit_error", "quota"),
    exception("ModelTimeoutException", 504, "timeout_error", "model_timeout"),
    exception("InternalServerException", 500, "api_error", "upstream_5xx", calls=2),
    exception("ModelErrorException", 500, "api_error", "upstream_5xx"),
    exception("ValidationException", 400, "invalid_request_error", "upstream_400"),
    exception("AccessDeniedException", 403, "permission_error", "access_denied"),
    exception("ResourceNotFoundException", 404, "not_found_error", "not_found"),
    exception("ExpiredTokenException", 500, "api_error", "credentials"),
    exception("UnrecognizedClientException", 500, "api_error", "credentials"),
    exception("InvalidSignatureException", 500, "api_error", "credentials", message=SKEW),
)
GARBAGE: Final = (
    Row("reset before the answer", "[[reset]]", 529, "overloaded_error", "upstream_reset", calls=2),
    Row("HTML page with 502", "[[html]]", 500, "api_error", "upstream_garbage", calls=2),
    Row("empty 500", "[[emptyerror]]", 500, "api_error", "upstream_garbage", calls=2),
    Row("empty 503", "[[status:503]]", 529, "overloaded_error", "upstream_garbage", calls=2),
    # Not again: the model may have worked on the first one all the time.
    Row("empty 504", "[[status:504]]", 504, "timeout_error", "upstream_garbage"),
    Row("bare 403", "[[status:403]]", 500, "api_error", "upstream_garbage"),
    Row("bare 401", "[[status:401]]", 500, "api_error", "upstream_garbage"),
    Row("bare 429", "[[status:429]]", 429, "rate_limit_error", "upstream_garbage"),
    Row("200 with JSON", "[[badct]]", 500, "api_error", "upstream_garbage"),
    Row("200 with nothing", "[[status:200]]", 500, "api_error", "upstream_garbage"),
    Row("204", "[[status:204]]", 500, "api_error", "upstream_garbage"),
    Row("redirect 307", "[[status:307]]", 500, "api_error", "upstream_garbage"),
    Row("redirect 301", "[[status:301]]", 500, "api_error", "upstream_garbage"),
)


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[LoggedGateway]:
    async with serving() as gateway:
        yield gateway


@STREAMED
@pytest.mark.parametrize("row", [*REFUSALS, *GARBAGE], ids=str)
async def test_a_failure_of_bedrock_is_the_right_error_with_few_calls(
    served: LoggedGateway, row: Row, stream: bool
) -> None:
    began = served.now()
    check_refusal(await served.ask(row.script, stream=stream), row)
    await served.simulator.wait_until_idle()
    assert len(served.calls(began)) == row.calls
    # And it works again, by itself.
    assert (await served.ask("[[say:ok]]")).status == 200
    await served.earn_retries(row.calls - 1)


GOOD: Final = in_chunks(stream_of("ok"))
REFUSED: Final = b"HTTP/1.1 429 x\r\nx-amzn-errortype: ThrottlingException\r\nretry-after: 7\r\n"
# What the raw double answers, by prompt. What is not here is answered well.
RAW: Final = {
    "closed at once": RawAnswer(b"", "fin"),
    "closed inside the status line": RawAnswer(b"HTTP/1.1 20", "fin"),
    "closed inside the headers": RawAnswer(b"HTTP/1.1 200 OK\r\ncontent-ty", "fin"),
    "no HTTP": RawAnswer(b"SSH-2.0-OpenSSH_9.6 10.1.2.3\r\n\r\n", "fin"),
    "endless header": RawAnswer(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, "fin"),
    "stream of nothing": RawAnswer(with_length(b"")),
    "stream cut before its first byte": RawAnswer(with_length(b"", 100), "fin"),
    "broken chunk size": RawAnswer(in_chunks(ended=False) + b"zz\r\n", "fin"),
    "refusal cut in its body": RawAnswer(REFUSED + b'content-length: 100\r\n\r\n{"mess', "fin"),
    "continue and hints": RawAnswer(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + GOOD
    ),
    "throttled with retry-after": RawAnswer(REFUSED + b"content-length: 15\r\n\r\n" + b'{"message":"x"}'),
    "switching protocols": RawAnswer(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n" + GOOD, "hold"
    ),
    "another answer behind it": RawAnswer(GOOD + in_chunks(stream_of("somebody else's"))),
}
RAW_ROWS: Final = (
    Row("closed at once", "", 529, "overloaded_error", "upstream_reset", calls=2),
    Row("closed inside the status line", "", 529, "overloaded_error", "upstream_reset", calls=2),
    Row("closed inside the headers", "", 529, "overloaded_error", "upstream_reset", calls=2),
    Row("no HTTP", "", 500, "api_error", "upstream_garbage"),
    Row("endless header", "", 500, "api_error", "upstream_garbage"),
    Row("stream of nothing", "", 500, "api_error", "stream_truncated"),
    Row("stream cut before its first byte", "", 500, "api_error", "stream_cut"),
    Row("broken chunk size", "", 500, "api_error", "stream_cut"),
    Row("refusal cut in its body", "", 529, "overloaded_error", "upstream_reset"),
    Row("throttled with retry-after", "", 429, "rate_limit_error", "throttled"),
    Row("switching protocols", "", 500, "api_error", "upstream_garbage"),
)


def play(prompt: str) -> RawAnswer:
    return RAW.get(prompt, RawAnswer(GOOD))


@pytest.fixture(scope="module")
async def raw() -> AsyncIterator[tuple[LoggedGateway, RawBedrock]]:
    async with serving_raw(play) as both:
        yield both


@STREAMED
@pytest.mark.parametrize("row", RAW_ROWS, ids=str)
async def test_what_is_no_answer_of_bedrocks_is_an_error_and_its_connection_is_not_used_again(
    raw: tuple[LoggedGateway, RawBedrock], row: Row, stream: bool
) -> None:
    gateway, bedrock = raw
    before = bedrock.calls
    check_refusal(await gateway.ask(row.name, stream=stream), row)
    assert bedrock.calls - before == row.calls
    assert (await gateway.ask("fine")).status == 200
    # What is left is idle: the one that has just answered well.
    async with asyncio.timeout(5):
        await bedrock.wait_until(lambda: bedrock.open_connections <= 1)
    await gateway.earn_retries(row.calls - 1)


@STREAMED
async def test_a_good_answer_behind_interim_ones_is_whole(raw: tuple[LoggedGateway, RawBedrock], stream: bool) -> None:
    gateway, bedrock = raw
    before = bedrock.calls
    answer = await gateway.ask("continue and hints", stream=stream)
    assert answer.status == 200
    assert "fault" not in answer.line
    assert bedrock.calls - before == 1


async def test_how_long_to_wait_is_passed_on_where_bedrock_knows_it(raw: tuple[LoggedGateway, RawBedrock]) -> None:
    assert (await raw[0].ask("throttled with retry-after", stream=True)).headers["retry-after"] == "7"


async def test_bytes_behind_an_answer_never_become_the_next_callers(raw: tuple[LoggedGateway, RawBedrock]) -> None:
    gateway, _ = raw
    for _ in range(5):
        for prompt in ("another answer behind it", "fine"):
            assert read_stream((await gateway.ask(prompt, stream=True)).body).text == "ok"


async def test_nothing_reaches_the_host_that_a_redirect_names() -> None:
    async with open_raw_bedrock(play) as other:
        redirect = f"HTTP/1.1 307 x\r\nlocation: {other.url}/model/x/converse-stream\r\ncontent-length: 0\r\n\r\n"
        async with (
            open_raw_bedrock(lambda _: RawAnswer(redirect.encode())) as bedrock,
            serving(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url) as gateway,
        ):
            row = Row("redirect", "a secret prompt", 500, "api_error", "upstream_garbage")
            check_refusal(await gateway.ask(row.script, stream=True), row)
        assert other.connections == 0


# --- counting

# By model: one that could not be counted is left alone for a while, whoever asks.
COUNT_TROUBLES: Final = {
    "throttled": ("claude-sonnet-4-5", Trouble(Refusal("ThrottlingException", TELLTALE))),
    "down": ("claude-haiku-4-5", Trouble(Refusal("ServiceUnavailableException"))),
    "denied": ("claude-opus-4-5", Trouble(Refusal("AccessDeniedException", TELLTALE))),
    "expired": ("claude-opus-4-6", Trouble(Refusal("ExpiredTokenException"))),
    "silent": ("claude-sonnet-4-6", Trouble(hang=True)),
}


@pytest.mark.parametrize("trouble", COUNT_TROUBLES)
async def test_a_count_that_fails_is_an_estimate_and_never_an_error(served: LoggedGateway, trouble: str) -> None:
    """Clients show the number to somebody who waits: an estimate, said to be one, is worth more than an error."""
    model, served.simulator.troubles["CountTokens"] = COUNT_TROUBLES[trouble]
    question = {"model": model, "max_tokens": None}
    began = served.now()
    answers = [await served.ask("hello", path="/v1/messages/count_tokens", **question) for _ in range(3)]
    took_seconds = served.now() - began
    await served.simulator.wait_until_idle()
    del served.simulator.troubles["CountTokens"]
    for answer in answers:
        assert (answer.status, answer.headers["x-chatrix-count"]) == (200, "estimate")
        assert json.loads(answer.body)["input_tokens"] > 0
        assert "fault" not in answer.line
    assert took_seconds < 5
    assert len(served.calls(began, "CountTokens")) == 1
