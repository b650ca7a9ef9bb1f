"""How an answer ends, each promise by its shortest test: these are what `mutants.py` breaks, dozens of times a run.

The gateway runs in the process of the test and its limits are fractions of a second. A broken promise must fail here
soon, and not hang: so whatever would have no end has one after a few seconds.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Final

import pytest

from gateway.protocol.eventstream import encode_event
from gateway.simulator import SimulatorOptions, open_simulator
from gateway.upstreams.stream import DRAIN_SECONDS
from tests.faults.failures import STREAMED, beginning_of, stream_of
from tests.faults.raw_bedrock import LAST_CHUNK, RawAnswer, in_chunks, open_raw_bedrock
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway, asking, run_both, run_gateway

LIMIT_SECONDS: Final = 0.3
# Of which a busy machine may need some until Bedrock has said its first word.
TOTAL_SECONDS: Final = 1.0
# A broken promise is seen after this time, and a kept one takes a tenth of it.
SOON_SECONDS: Final = 4.0
# As many streams at once as botocore would have connections for.
STREAMS: Final = 10
# What a model has sent that never begins to answer.
SILENCES: Final = {
    "nothing": b"",
    "the head of an answer": in_chunks(ended=False),
    "half an event": in_chunks(stream_of("x")[:20], ended=False),
}


async def ask(gateway: Gateway, text: str, *, stream: bool) -> tuple[int, bytes]:
    async with asyncio.timeout(SOON_SECONDS), gateway.post(asking(text, stream=stream)) as response:
        return response.status, await response.read()


async def check_given_up(gateway: Gateway, text: str, *, stream: bool, said: str) -> None:
    """The answer ends as one that took too long, and Bedrock's side is closed."""
    status, body = await ask(gateway, text, stream=stream)
    if stream and said:
        reply = read_stream(body)
        assert (status, reply.whole) == (200, False)
        assert reply.text.startswith(said)
        error = reply.error
    else:
        assert status == 504
        error = json.loads(body)["error"]
    assert error is not None
    assert error["type"] == "timeout_error"


@STREAMED
async def test_an_answer_that_never_ends_is_ended(stream: bool) -> None:
    async with run_both(total_timeout_seconds=TOTAL_SECONDS) as gateway:
        await check_given_up(gateway, "[[pace:0.05]][[seq:50]]", stream=stream, said="0 ")
        async with asyncio.timeout(SOON_SECONDS):
            await gateway.simulator.wait_until_idle()


@STREAMED
async def test_a_silence_that_does_not_end_ends_the_answer(stream: bool) -> None:
    async with run_both(idle_timeout_seconds=LIMIT_SECONDS) as gateway:
        await check_given_up(gateway, "[[say:so far]][[silence:2]][[say:x]]", stream=stream, said="so far")
        async with asyncio.timeout(SOON_SECONDS):
            await gateway.simulator.wait_until_idle()


@STREAMED
@pytest.mark.parametrize("sent", SILENCES)
async def test_a_model_that_does_not_begin_is_given_up(sent: str, stream: bool) -> None:
    async with (
        open_simulator(SimulatorOptions()) as simulator,
        open_raw_bedrock(lambda _: RawAnswer(SILENCES[sent], "hold")) as bedrock,
        run_gateway(
            simulator, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url, first_event_timeout_seconds=LIMIT_SECONDS
        ) as gateway,
    ):
        await check_given_up(gateway, "x", stream=stream, said="")
        async with asyncio.timeout(SOON_SECONDS):
            await bedrock.wait_until(lambda: bedrock.open_connections == 0)
        assert bedrock.calls == 1


@STREAMED
async def test_a_whole_answer_does_not_wait_for_the_end_of_bedrocks_body(stream: bool) -> None:
    """The last event has come and says that it is the last; the HTTP body goes on."""
    whole = RawAnswer(in_chunks(stream_of("all of it"), ended=False), "hold")
    async with (
        open_simulator(SimulatorOptions()) as simulator,
        open_raw_bedrock(lambda _: whole) as bedrock,
        run_gateway(simulator, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url) as gateway,
    ):
        status, body = await ask(gateway, "x", stream=stream)
        assert status == 200
        text = read_stream(body).text if stream else json.loads(body)["content"][0]["text"]
        assert text == "all of it"
        async with asyncio.timeout(SOON_SECONDS):
            await bedrock.wait_until(lambda: bedrock.open_connections == 0)


async def test_the_end_of_an_answer_does_not_wait_for_that_of_bedrocks_body() -> None:
    """The last events go out with the end of the body, if Bedrock's has come; only then."""
    events = stream_of("all of it")
    # The rest comes when the answer has begun: in one go with its head it would be the first events.
    begun = len(beginning_of("all of it"))
    rest = events[begun:]
    answer = RawAnswer(in_chunks(events[:begun], ended=False), "hold", b"%x\r\n%b\r\n" % (len(rest), rest))
    async with (
        open_simulator(SimulatorOptions()) as simulator,
        open_raw_bedrock(lambda _: answer) as bedrock,
        run_gateway(simulator, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url) as gateway,
    ):
        received = b""
        async with asyncio.timeout(SOON_SECONDS), gateway.post(asking("x", stream=True)) as response:
            while b"message_stop" not in received:
                received += await response.content.readany()
            # It comes before Bedrock's side is given up.
            await asyncio.sleep(DRAIN_SECONDS / 5)
            assert bedrock.open_connections == 1
            received += await response.read()
    assert read_stream(received).whole


async def test_the_connection_of_a_good_answer_is_used_again() -> None:
    """Although the end of its HTTP body comes a moment after its last event."""
    good = RawAnswer(in_chunks(stream_of("all of it"), ended=False), late=LAST_CHUNK)
    async with (
        open_simulator(SimulatorOptions()) as simulator,
        open_raw_bedrock(lambda _: good) as bedrock,
        run_gateway(simulator, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url) as gateway,
    ):
        for _ in range(3):
            status, body = await ask(gateway, "x", stream=True)
            assert status == 200
            assert read_stream(body).whole
        assert (bedrock.calls, bedrock.connections) == (3, 1)


async def test_what_was_said_in_the_same_breath_as_nonsense_is_delivered() -> None:
    """Both frames are sound and come in one read; one of them holds no JSON."""
    nonsense = encode_event("contentBlockDelta", b'{"contentBlockIndex":0,')
    answer = RawAnswer(in_chunks(beginning_of("so far") + nonsense))
    async with (
        open_simulator(SimulatorOptions()) as simulator,
        open_raw_bedrock(lambda _: answer) as bedrock,
        run_gateway(simulator, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url) as gateway,
    ):
        status, body = await ask(gateway, "x", stream=True)
    reply = read_stream(body)
    assert status == 200
    assert reply.text == "so far"
    assert reply.error is not None
    assert not reply.whole


async def test_whoever_leaves_in_a_silence_ends_bedrocks_work() -> None:
    """Nothing is written to the client meanwhile, which would tell that it has gone."""
    async with run_both() as gateway:
        async with gateway.post(asking("[[say:a]][[silence:30]]", stream=True)) as response:
            await response.content.readuntil(b"text_delta")
            response.close()
        async with asyncio.timeout(SOON_SECONDS):
            await gateway.simulator.wait_until_idle()
        (exchange,) = gateway.calls()
    assert exchange.outcome == "client_gone"


async def test_an_eleventh_stream_is_answered_beside_ten_others() -> None:
    async with run_both() as gateway, AsyncExitStack() as open_streams:
        for _ in range(STREAMS):
            open_stream = gateway.post(asking("[[say:a]][[silence:30]]", stream=True))
            response = await open_streams.enter_async_context(open_stream)
            await response.content.readuntil(b"text_delta")
        status, body = await ask(gateway, "[[say:one more]]", stream=True)
        assert gateway.simulator.open_exchanges == STREAMS
    assert status == 200
    assert read_stream(body).text == "one more"
