"""Each row of the error table, before the first byte and inside the stream, as a client sees it."""

from dataclasses import dataclass
from typing import Any

import pytest

from gateway.protocol.own_words import own_words
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway, asking


@dataclass(frozen=True, slots=True)
class Row:
    """An exception of Bedrock's and what becomes of it. `told` is the message; without it ours or Bedrock's."""

    exception: str
    status: int
    kind: str
    said: str = "something went wrong upstream"
    told: str = ""

    @property
    def expected(self) -> dict[str, str]:
        name = self.exception[:1].lower() + self.exception[1:]
        return {"type": self.kind, "message": self.told or own_words(name, self.said) or self.said}


ROWS = [
    Row("ValidationException", 400, "invalid_request_error", "messages: something is wrong there"),
    Row(
        "ValidationException",
        400,
        "invalid_request_error",
        "The model returned the following errors: Input is too long for requested model.",
        "prompt is too long",
    ),
    Row(
        "ValidationException",
        400,
        "invalid_request_error",
        "prompt is too long: 210266 tokens > 200000 maximum",
    ),
    Row(
        "ValidationException",
        400,
        "invalid_request_error",
        "The maximum tokens you requested exceeds the model limit of 50. Try again with a maximum tokens value ...",
        "max_tokens: 100 > 50, which is the maximum allowed number of output tokens for this model",
    ),
    Row(
        "ValidationException",
        400,
        "invalid_request_error",
        "input length and `max_tokens` exceed context limit: 184915 + 20000 > 204648, decrease input length or "
        "`max_tokens` and try again",
    ),
    Row(
        "ValidationException",
        400,
        "invalid_request_error",
        "The model returned the following errors: messages.1.content.0.type: Expected `thinking` or "
        "`redacted_thinking`, but found `tool_use`.",
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
    ),
    Row(
        "ValidationException",
        400,
        "invalid_request_error",
        "The model returned the following errors: invalid beta flag",
        "invalid beta flag",
    ),
    Row("ValidationException", 413, "request_too_large", "The request body is too large."),
    Row(
        "ThrottlingException",
        429,
        "rate_limit_error",
        "Too many tokens per day, please wait before trying again.",
        "Too many tokens per day: the gateway's AWS account has used up what Bedrock gives it for today. Use another "
        "model, or ask whoever runs the gateway for a higher quota.",
    ),
    Row("AccessDeniedException", 403, "permission_error", "You don't have access to the model."),
    Row("ResourceNotFoundException", 404, "not_found_error", "This model version has reached the end of its life."),
    Row("ThrottlingException", 429, "rate_limit_error", "Too many tokens, please wait before trying again."),
    Row("ServiceQuotaExceededException", 429, "rate_limit_error"),
    Row("ModelNotReadyException", 529, "overloaded_error"),
    Row("ServiceUnavailableException", 529, "overloaded_error"),
    Row("InternalServerException", 500, "api_error"),
    Row("ModelErrorException", 500, "api_error"),
    Row("ModelStreamErrorException", 500, "api_error"),
    Row("ModelTimeoutException", 504, "timeout_error"),
]
CREDENTIALS = ["ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"]

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.exception}: {row.said[:60]}")
streamed_or_not = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


async def refusal(gateway: Gateway, text: str, *, stream: bool) -> tuple[int, dict[str, Any]]:
    """Status and error of a refused request; every refusal has the same shape and carries its id twice."""
    async with gateway.post(asking(text, stream=stream)) as response:
        answer = await response.json()
        assert answer["type"] == "error"
        assert answer["request_id"] == response.headers["request-id"]
        return response.status, answer["error"]


@each_row
@streamed_or_not
async def test_a_refusal_before_the_stream_is_a_status(gateway: Gateway, row: Row, stream: bool) -> None:
    status, error = await refusal(gateway, f"[[error:{row.exception} {row.said}]]", stream=stream)
    assert (status, error) == (row.status, row.expected)


@each_row
async def test_an_exception_inside_the_stream_is_an_error_event_after_what_was_said(gateway: Gateway, row: Row) -> None:
    text = f"[[say:so far]][[streamerror:{row.exception} {row.said}]]"
    async with gateway.post(asking(text, stream=True)) as response:
        assert response.status == 200
        reply = read_stream(await response.read())
    assert reply.text == "so far"
    assert reply.error == row.expected
    assert not reply.whole


@each_row
async def test_an_exception_inside_the_stream_fails_a_whole_reply_with_its_status(gateway: Gateway, row: Row) -> None:
    text = f"[[say:so far]][[exc:{row.exception} {row.said}]]"
    status, error = await refusal(gateway, text, stream=False)
    assert (status, error) == (row.status, row.expected)


@pytest.mark.parametrize("exception", ["ThrottlingException", "ServiceUnavailableException"])
@streamed_or_not
async def test_an_exception_as_the_first_frame_is_still_a_status(
    gateway: Gateway, exception: str, stream: bool
) -> None:
    status, _ = await refusal(gateway, f"[[firstexc:{exception}]]", stream=stream)
    assert status == {"ThrottlingException": 429, "ServiceUnavailableException": 529}[exception]


@pytest.mark.parametrize("exception", CREDENTIALS)
@streamed_or_not
async def test_the_gateways_own_credentials_are_a_500_and_never_a_401(
    gateway: Gateway, exception: str, stream: bool
) -> None:
    status, error = await refusal(gateway, f"[[error:{exception} The security token is invalid]]", stream=stream)
    assert status == 500
    assert error["type"] == "api_error"
    assert "not about your API key" in error["message"]


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("[[html]]", 500),
        ("[[badct]]", 500),
        ("[[emptyerror]]", 500),
        ("[[status:403]]", 500),
        ("[[status:401]]", 500),
        ("[[status:503]]", 529),
        ("[[status:302]]", 500),
        ("[[reset]]", 529),
    ],
)
@streamed_or_not
async def test_an_answer_that_is_not_bedrocks_is_a_clear_error(
    gateway: Gateway, marker: str, expected: int, stream: bool
) -> None:
    status, error = await refusal(gateway, marker, stream=stream)
    assert status == expected
    assert "Bedrock" in error["message"]
    assert "<" not in error["message"]


@pytest.mark.parametrize(
    "marker",
    [
        "[[cut]]",
        "[[cut:fin]]",
        "[[cut:rst]]",
        "[[cut:clean]]",
        "[[cut:boundary]]",
        "[[crc]]",
        "[[crc:prelude]]",
        "[[crc:headers]]",
        "[[badjson]]",
        "[[garbage:400]]",
        "[[errormsg]]",
        "[[hugeframe:1073741824]]",
        "[[nostop]]",
    ],
)
class TestABrokenStream:
    async def test_it_is_an_error_event_after_a_true_prefix(self, gateway: Gateway, marker: str) -> None:
        async with gateway.post(asking(f"[[say:all of this]]{marker}", stream=True)) as response:
            assert response.status == 200
            reply = read_stream(await response.read())
        assert "all of this".startswith(reply.text)
        assert reply.error is not None
        assert reply.error["type"] == "api_error"
        assert not reply.whole

    async def test_it_is_never_part_of_a_whole_reply(self, gateway: Gateway, marker: str) -> None:
        status, error = await refusal(gateway, f"[[say:all of this]]{marker}", stream=False)
        assert (status, error["type"]) == (500, "api_error")


@pytest.mark.parametrize("marker", ["[[unknown]]", "[[emptydelta]]", "[[nometa]]", "[[noblockstop]]", "[[split:1]]"])
async def test_what_does_not_touch_the_answer_leaves_it_whole(gateway: Gateway, marker: str) -> None:
    async with gateway.post(asking(f"[[say:all of this]]{marker}", stream=True)) as response:
        reply = read_stream(await response.read())
    assert reply.text == "all of this"
    assert reply.whole


async def test_a_tool_call_that_breaks_off_is_told_truthfully(gateway: Gateway) -> None:
    async with gateway.post(asking("[[toolshort]]", stream=True)) as response:
        reply = read_stream(await response.read())
    assert reply.whole
    assert reply.delta is not None
    assert reply.delta["stop_reason"] == "max_tokens"


async def test_a_throttle_passes_and_then_the_same_request_is_answered(gateway: Gateway) -> None:
    status, _ = await refusal(gateway, "[[throttle:1]][[say:at last]]", stream=True)
    assert status == 429
    async with gateway.post(asking("[[throttle:1]][[say:at last]]", stream=True)) as response:
        assert read_stream(await response.read()).text == "at last"


@pytest.mark.parametrize("marker", ["error", "streamerror"])
async def test_nothing_of_the_account_passes(gateway: Gateway, marker: str) -> None:
    said = (
        "User: arn:aws:sts::123456789012:assumed-role/prod/fn is not authorized, account 210987654321, "
        "s3://secret-bucket/key at bedrock-runtime.us-west-2.amazonaws.com"
    )
    async with gateway.post(asking(f"[[{marker}:AccessDeniedException {said}]]", stream=True)) as response:
        answer = await response.text()
    assert "access to this model" in answer
    for secret in ("123456789012", "210987654321", "assumed-role", "secret-bucket", "amazonaws", "arn:"):
        assert secret not in answer
