"""The app's side of Lambda without Lambda: the context header, the deadline, an event that is no request.

`tests/on_lambda` shows the same through doubles of the adapter and of Lambda itself.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.lambda_context import CONTEXT_HEADER
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway, asking, run_both

LONG_ANSWER = "[[drip:200 0.1]]"


@pytest.fixture(scope="module")
async def on_lambda() -> AsyncIterator[Gateway]:
    async with run_both(behind_adapter=True) as running:
        yield running


def context(seconds_left: float) -> dict[str, str]:
    deadline_ms = int((time.time() + seconds_left) * 1000)
    return {CONTEXT_HEADER: json.dumps({"request_id": "8476a536", "deadline": deadline_ms, "env_config": {}})}


async def test_a_stream_ends_with_an_error_event_before_lambda_cuts_it(on_lambda: Gateway) -> None:
    began = time.monotonic()
    async with on_lambda.post(asking(LONG_ANSWER, stream=True), headers=context(seconds_left=4)) as response:
        assert response.status == 200
        reply = read_stream(await response.read())
    # The margin is 5 s, but half of the time that is left at most.
    assert 1.9 < time.monotonic() - began < 3
    assert not reply.whole
    assert reply.error is not None
    assert reply.error["type"] == "timeout_error"
    assert "max_tokens" in reply.error["message"]
    await on_lambda.simulator.wait_until_idle()
    assert on_lambda.calls()[-1].outcome == "client_gone"


async def test_a_whole_answer_that_takes_too_long_is_a_504(on_lambda: Gateway) -> None:
    began = time.monotonic()
    async with on_lambda.post(asking(LONG_ANSWER), headers=context(seconds_left=2)) as response:
        assert response.status == 504
        assert (await response.json())["error"]["type"] == "timeout_error"
    assert time.monotonic() - began < 2


async def test_a_model_that_does_not_begin_in_time_is_a_504(on_lambda: Gateway) -> None:
    slow_start = asking("[[delay:5]][[say:hello]]", stream=True)
    async with on_lambda.post(slow_start, headers=context(seconds_left=1)) as response:
        assert response.status == 504


async def test_an_answer_in_time_is_whole(on_lambda: Gateway) -> None:
    async with on_lambda.post(asking("[[say:hello]]", stream=True), headers=context(seconds_left=900)) as response:
        assert read_stream(await response.read()).whole


async def test_a_client_of_a_container_cannot_set_a_deadline(gateway: Gateway) -> None:
    """Without the adapter in front nobody overwrites the header: it is anybody's."""
    async with gateway.post(asking("[[say:hello]]", stream=True), headers=context(seconds_left=-1000)) as response:
        assert read_stream(await response.read()).whole


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', "{}", '{"deadline": null}', '{"deadline": "soon"}', '{"deadline": true}']
)
async def test_a_context_that_cannot_be_read_sets_no_deadline(on_lambda: Gateway, text: str) -> None:
    async with on_lambda.post(asking("[[say:hello]]"), headers={CONTEXT_HEADER: text}) as response:
        assert response.status == 200


@pytest.mark.parametrize("key", ["", "chatrix-local-simulator-key"])
async def test_an_event_that_is_no_request_is_refused_and_told_why(on_lambda: Gateway, key: str) -> None:
    event: dict[str, Any] = {"Records": [{"eventSource": "aws:s3"}]}
    async with on_lambda.post(event, path="/events", headers={"x-api-key": key}) as response:
        assert response.status == 400
        error = (await response.json())["error"]
    assert error["type"] == "invalid_request_error"
    assert "Function URL" in error["message"]
