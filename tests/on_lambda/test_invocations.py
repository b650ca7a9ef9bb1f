"""What comes in: sizes, events that are no requests, headers that claim to be Lambda's."""

import json
import time

import pytest

from tests.doubles.function_url import FunctionUrl
from tests.on_lambda.client import ask, metrics_of, sending
from tests.support.gateway import asking

MIB = 2**20


async def test_a_request_of_five_megabytes_passes(url: FunctionUrl) -> None:
    answer = await ask(url, "[[say:hello]]", an_unknown_field="x" * 5_000_000)
    assert answer.reply.text == "hello"
    assert answer.headers["x-chatrix-dropped"] == "an_unknown_field"


async def test_a_request_over_six_megabytes_is_refused_by_lambda_and_never_seen(url: FunctionUrl) -> None:
    """413, and not in Anthropic's form: the gateway has no say in it."""
    before = len(url.environments[0].invocations) if url.environments else 0
    answer = await ask(url, "[[say:hello]]", an_unknown_field="x" * 6 * MIB)
    assert answer.status == 413
    assert "error" not in json.loads(answer.body)
    assert (len(url.environments[0].invocations) if url.environments else 0) == before


async def test_what_makes_json_longer_counts_against_the_limit(url: FunctionUrl) -> None:
    """The body travels as a string inside JSON: each quote and backslash in it takes one byte more."""
    answer = await ask(url, "[[say:hello]]", an_unknown_field='"' * 1_800_000)
    assert answer.status == 413


@pytest.mark.parametrize(
    "event", [{"Records": [{"eventSource": "aws:s3"}]}, {"source": "aws.events"}, {}, [], "text", None]
)
async def test_an_event_that_is_no_request_is_told_what_to_do(url: FunctionUrl, event: object) -> None:
    await url.wait_settled()
    invocation = await url.invoke(json.dumps(event).encode())
    assert invocation is not None
    assert (await invocation.head()).status == 400
    await url.wait_settled()
    error = json.loads(invocation.answer)["error"]
    assert error["type"] == "invalid_request_error"
    assert "Function URL" in error["message"]


async def test_a_client_cannot_write_the_context_itself(url: FunctionUrl) -> None:
    passed = {"request_id": "forged", "deadline": int(time.time() * 1000) - 60_000}
    answer = await ask(url, "[[say:hello]]", headers={"x-amzn-lambda-context": json.dumps(passed)})
    assert answer.reply.text == "hello"
    await url.wait_settled()
    environment = url.environments[0]
    assert metrics_of(environment)[-1]["lambda_request_id"] == environment.invocations[-1].request_id


async def test_binary_bodies_count_as_base64_and_so_for_a_third_more(url: FunctionUrl) -> None:
    answer = await ask(url, "[[say:hello]]", {"content-type": "application/octet-stream"}, a_field="x" * 5_000_000)
    assert answer.status == 413


async def test_a_body_that_lambda_took_for_binary_is_read_as_ever(url: FunctionUrl) -> None:
    answer = await ask(url, "[[say:hello]]", {"content-type": "application/octet-stream"})
    assert answer.reply.text == "hello"


async def test_the_paths_and_queries_of_clients_survive(url: FunctionUrl) -> None:
    """A base URL that ends in a slash, as the Function URL does, and what the SDK appends."""
    for path in ("v1/messages?beta=true", "/v1/messages", "v1/v1/messages"):
        async with sending(url, asking("[[say:hello]]", stream=False), path=path) as response:
            assert response.status == 200, path
            assert (await response.json())["content"][0]["text"] == "hello"
