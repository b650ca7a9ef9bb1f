"""Events on their way through Lambda: when they arrive, and what a client sees of faults."""

import asyncio
from itertools import pairwise

import pytest

from gateway.simulator import Simulator
from tests.doubles.function_url import FunctionUrl
from tests.doubles.invocation import PRELUDE_END
from tests.on_lambda.client import TRAILER_TEXT, ask, function, sending
from tests.support.gateway import asking

PACE_SECONDS = 0.3


async def test_five_events_sent_apart_arrive_as_far_apart(url: FunctionUrl, simulator: Simulator) -> None:
    answer = await ask(url, f"[[drip:5 {PACE_SECONDS}]]")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.reply.whole
    arrivals = [answer.times_of(b"drip%d" % number)[0] for number in range(5)]
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert all(gap == pytest.approx(PACE_SECONDS, abs=0.15) for gap in gaps), gaps
    exchange = simulator.exchanges[-1]
    assert exchange.ended is not None
    assert arrivals[0] < exchange.ended - 3 * PACE_SECONDS, "the first event was here before the last had been sent"


async def test_pings_pass_while_the_model_is_silent(simulator: Simulator) -> None:
    pinging = function(simulator, CHATRIX_COMMIT_SECONDS="0.2", CHATRIX_PING_SECONDS="0.2")
    async with FunctionUrl(pinging).serve() as url:
        answer = await ask(url, "[[delay:1.2]][[say:hello]]")
    assert answer.reply.whole
    assert answer.reply.pings >= 3
    assert answer.arrivals[-1][0] - answer.times_of(b"event: ping")[0] > 0.7


@pytest.mark.parametrize(
    "fault",
    [
        "[[cut]]",
        "[[cut:fin]]",
        "[[cut:clean]]",
        "[[crc]]",
        "[[crc:prelude]]",
        "[[badjson]]",
        "[[garbage:64]]",
        "[[nostop]]",
        "[[exc:modelStreamErrorException broken]]",
        "[[errormsg]]",
    ],
)
async def test_whatever_breaks_the_stream_ends_in_one_error_event_and_in_order(url: FunctionUrl, fault: str) -> None:
    """`reply` refuses anything that is no event, and anything behind an error."""
    answer = await ask(url, f"[[say:some words]]{fault}")
    assert answer.status == 200
    assert answer.reply.error is not None
    assert not answer.reply.whole
    assert not answer.broken
    assert TRAILER_TEXT not in answer.body


async def test_an_error_before_the_first_byte_keeps_its_status_and_its_form(url: FunctionUrl) -> None:
    answer = await ask(url, "[[throttle:1]][[say:hello]]")
    assert answer.status == 429
    assert answer.error["type"] == "rate_limit_error"


async def test_the_double_would_show_a_broken_body(simulator: Simulator) -> None:
    """A control of the tests above: an application that dies leaves the runtime's text in the body."""
    async with FunctionUrl(function(simulator)).serve() as url:
        async with sending(url, asking("[[drip:50 0.1]]", stream=True)) as response:
            await response.content.readany()
            url.environments[0].application.kill()
            rest = await response.content.read()
    assert TRAILER_TEXT in rest


async def test_a_client_that_leaves_is_not_told_of_and_the_next_one_is_served(
    url: FunctionUrl, simulator: Simulator
) -> None:
    """Lambda goes on to the answer's end, and bills it. What limits that is `max_tokens`, and the deadline."""
    async with sending(url, asking("[[drip:8 0.1]]", stream=True)) as response:
        await response.content.readany()
        response.close()
    environment = url.environments[0]
    invocation = environment.invocations[-1]
    assert invocation.ended_at is None
    await url.wait_settled()
    assert invocation.failure is None
    assert b"message_stop" in invocation.answer
    assert simulator.exchanges[-1].outcome == "complete"
    assert (await ask(url, "[[say:hello]]")).reply.text == "hello"
    assert url.environments == [environment]


async def test_buffered_mode_gives_the_same_answer_in_one_piece(simulator: Simulator) -> None:
    """What `sam local` can do."""
    buffered = function(simulator, invoke_mode="buffered")
    async with FunctionUrl(buffered, invoke_mode="BUFFERED").serve() as url:
        began = asyncio.get_running_loop().time()
        answer = await ask(url, "[[drip:4 0.2]]")
    assert answer.reply.whole
    assert answer.arrivals[0][0] - began > 0.6


async def test_a_url_in_buffered_mode_shows_the_client_what_is_not_for_it(simulator: Simulator) -> None:
    """The function streams and its URL does not know: everything at once, and the prelude stands in the body."""
    async with FunctionUrl(function(simulator), invoke_mode="BUFFERED").serve() as url:
        answer = await ask(url, "[[drip:4 0.2]]")
    assert answer.body.startswith(b'{"statusCode": 200')
    assert PRELUDE_END in answer.body
    times = [time for time, _ in answer.arrivals]
    assert times[-1] - times[0] < 0.1
