"""Bedrock's exceptions as Anthropic errors (messages-to-converse section 8)."""

import json
from pathlib import Path

import pytest

from gateway.protocol.bedrock_errors import BEDROCK_ERRORS, CREDENTIAL_ERRORS, from_bedrock, redact
from tests.support.botocore_model import exceptions_of, shape

TEXTS = Path(__file__).parents[2] / "recordings" / "errors" / "error_texts_in_the_wild.json"


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("ValidationException", 400, "invalid_request_error"),
        ("AccessDeniedException", 403, "permission_error"),
        ("ResourceNotFoundException", 404, "not_found_error"),
        ("ThrottlingException", 429, "rate_limit_error"),
        ("ServiceQuotaExceededException", 429, "rate_limit_error"),
        ("ModelNotReadyException", 529, "overloaded_error"),
        ("ServiceUnavailableException", 529, "overloaded_error"),
        ("InternalServerException", 500, "api_error"),
        ("ModelErrorException", 500, "api_error"),
        ("ModelStreamErrorException", 500, "api_error"),
        ("ModelTimeoutException", 504, "timeout_error"),
    ],
)
def test_each_exception_in_both_spellings(name: str, status: int, kind: str) -> None:
    for spelling in (name, name[:1].lower() + name[1:]):
        error = from_bedrock(spelling, {"message": "what Bedrock said"})
        assert (error.status, error.type, error.message) == (status, kind, "what Bedrock said")


def test_every_exception_of_botocores_model_has_a_row() -> None:
    in_the_stream = {name for name in shape("ConverseStreamOutput")["members"] if name.endswith("Exception")}
    before = {name[:1].lower() + name[1:] for name in exceptions_of("ConverseStream") | exceptions_of("CountTokens")}
    assert in_the_stream | before <= set(BEDROCK_ERRORS)


@pytest.mark.parametrize("name", sorted(CREDENTIAL_ERRORS))
def test_the_gateways_own_credentials_are_never_the_callers_fault(name: str) -> None:
    for spelling in (name, name[:1].upper() + name[1:]):
        error = from_bedrock(spelling, {"message": "The security token is expired"}, status=403)
        assert (error.status, error.type) == (500, "api_error")
        assert "not about your API key" in error.message


@pytest.mark.parametrize(
    ("status", "expected"), [(401, 500), (403, 500), (500, 500), (502, 500), (503, 529), (429, 429), (413, 413)]
)
def test_an_answer_that_names_no_exception_goes_by_its_status(status: int, expected: int) -> None:
    assert from_bedrock("", {"message": "?"}, status=status).status == expected


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("The model returned the following errors: Input is too long for requested model.", "prompt is too long"),
        ("prompt is too long: 210266 tokens > 200000 maximum", "prompt is too long: 210266 tokens > 200000 maximum"),
        (
            "prompt tokens (1200345) exceed model maximum (1000000)",
            "prompt is too long: 1200345 tokens > 1000000 maximum",
        ),
        ("This request exceeds the context window", "prompt is too long"),
    ],
)
def test_an_overflow_is_told_in_the_words_that_make_claude_code_compact(said: str, told: str) -> None:
    error = from_bedrock("ValidationException", {"message": said})
    assert (error.status, error.message) == (400, told)


def test_a_throttle_is_never_an_overflow() -> None:
    error = from_bedrock("ThrottlingException", {"message": "Too many tokens, please wait before trying again."})
    assert (error.status, error.message) == (429, "Too many tokens, please wait before trying again.")


def test_a_shrinkable_max_tokens_keeps_its_sentence() -> None:
    said = "input length and `max_tokens` exceed context limit: 184915 + 20000 > 204648, decrease input length"
    assert from_bedrock("ValidationException", {"message": said}).message == said


def test_bedrocks_max_tokens_limit_is_told_in_anthropics_words() -> None:
    said = (
        "The maximum tokens you requested exceeds the model limit of 32768. Try again with a maximum tokens value ..."
    )
    error = from_bedrock("ValidationException", {"message": said}, max_tokens=64000)
    assert error.message.startswith("max_tokens: 64000 > 32768, which is the maximum allowed number of output tokens")


def test_an_unknown_model_is_not_found() -> None:
    error = from_bedrock("ValidationException", {"message": "The provided model identifier is invalid."})
    assert (error.status, error.type) == (404, "not_found_error")


def test_thinking_errors_keep_their_wording() -> None:
    said = "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`."
    error = from_bedrock("ValidationException", {"message": f"The model returned the following errors: {said}"})
    assert error.message == said


def test_a_model_error_that_is_the_callers_fault_is_a_400() -> None:
    body = {"message": "bad input", "originalStatusCode": 422}
    assert from_bedrock("ModelErrorException", body).status == 400
    assert from_bedrock("modelStreamErrorException", body | {"originalStatusCode": 503}).status == 500


def test_retry_hints_of_a_throttle() -> None:
    plain = from_bedrock("ThrottlingException", {"message": "Too many requests"}, retry_after="7")
    assert plain.headers == {"retry-after": "7"}
    daily = from_bedrock("ThrottlingException", {"message": "Too many tokens per day, please wait"})
    assert daily.headers == {"x-should-retry": "false"}


def test_what_aws_tells_about_the_account_is_taken_out() -> None:
    said = (
        "User: arn:aws:sts::123456789012:assumed-role/prod/fn is not authorized to perform: bedrock:InvokeModel on "
        "resource: arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/x, account 123456789012, "
        "host bedrock-runtime.us-west-2.amazonaws.com, key AKIAIOSFODNN7EXAMPLE"
    )
    told = from_bedrock("AccessDeniedException", {"message": said}).message
    for secret in ("123456789012", "assumed-role", "amazonaws", "AKIA", "arn:"):
        assert secret not in told
    assert "is not authorized to perform: bedrock:InvokeModel" in told


def test_a_message_is_bounded() -> None:
    assert len(redact("x" * 100_000)) <= 2000


def test_texts_from_the_wild_each_give_an_error_with_the_right_status() -> None:
    for item in json.loads(TEXTS.read_text())["items"]:
        error = from_bedrock(item["exception"], {"message": item["message"]}, status=item["http"])
        assert error.status in (item["http"], 404 if "identifier is invalid" in item["message"] else item["http"])
        assert error.message
