"""Bedrock's exceptions as Anthropic errors (messages-to-converse section 8)."""

import json
from pathlib import Path

import pytest

from gateway.protocol.bedrock_errors import BEDROCK_ERRORS, CREDENTIAL_ERRORS, WRAPPER, from_bedrock
from gateway.protocol.errors import InvalidBeta, InvalidRequest
from gateway.protocol.own_words import MORE_EXACT, OWN_WORDS
from tests.support.botocore_model import exceptions_of, shape

ERRORS = Path(__file__).parents[2] / "recordings" / "errors"


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
        assert (error.status, error.type) == (status, kind)
        assert (error.message == "what Bedrock said") == (name == "ValidationException")


@pytest.mark.parametrize("name", sorted(set(BEDROCK_ERRORS) - {"validationException"}))
def test_all_but_validations_are_told_in_our_words_and_theirs_are_for_the_log(name: str) -> None:
    error = from_bedrock(name, {"message": "what arn:aws:iam::123456789012:role/x said"}, status=500)
    assert error.message in {OWN_WORDS[name], *(told for _, told in MORE_EXACT.get(name, ()))}
    # A model's own server may quote the conversation.
    assert error.upstream_message == (None if name.startswith("model") and "Error" in name else "what (ARN) said")
    assert error.fault


@pytest.mark.parametrize(
    ("name", "said", "told"),
    [
        ("resourceNotFoundException", "This model version has reached the end of its life.", "retired"),
        ("resourceNotFoundException", "Access denied. This Model is marked by provider as Legacy and ...", "retired"),
        ("resourceNotFoundException", "Model use case details have not been submitted ...", "use case form"),
        ("resourceNotFoundException", "Not found.", "GET /v1/models"),
        ("throttlingException", "Too many tokens per day, please wait before trying again.", "for today"),
        ("throttlingException", "Too many tokens, please wait before trying again.", "Too many tokens: "),
        ("throttlingException", "Too many requests, please wait before trying again.", "Too many requests: "),
    ],
)
def test_a_hint_of_bedrocks_makes_our_words_more_exact(name: str, said: str, told: str) -> None:
    assert told in from_bedrock(name, {"message": said}).message


def test_every_exception_of_botocores_model_has_a_row() -> None:
    in_the_stream = {name for name in shape("ConverseStreamOutput")["members"] if name.endswith("Exception")}
    before = {name[:1].lower() + name[1:] for name in exceptions_of("ConverseStream") | exceptions_of("CountTokens")}
    assert in_the_stream | before <= set(BEDROCK_ERRORS)


@pytest.mark.parametrize(
    ("name", "status", "expected", "fault"),
    [
        ("RequestExpired", 400, 500, "credentials"),
        ("RequestTimeTooSkewed", 403, 500, "credentials"),
        ("NotAuthorized", 400, 403, "access_denied"),
    ],
)
def test_the_gateways_own_clock_and_permissions_are_not_a_bad_request(
    name: str, status: int, expected: int, fault: str
) -> None:
    """Source: https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html"""
    error = from_bedrock(name, {"message": "for arn:aws:iam::123456789012:role/x"}, status=status)
    assert (error.status, error.fault) == (expected, fault)
    assert "123456789012" not in error.message


@pytest.mark.parametrize("retry_after", ["\u00b2", "\u0663", "-1", "soon"])
def test_only_a_number_of_seconds_is_passed_on_as_retry_after(retry_after: str) -> None:
    assert "retry-after" not in from_bedrock("ThrottlingException", {}, status=429, retry_after=retry_after).headers


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


@pytest.mark.parametrize(
    ("original", "status", "kind"),
    [
        (400, 400, "invalid_request_error"),
        (404, 400, "invalid_request_error"),
        (408, 504, "timeout_error"),
        (413, 413, "request_too_large"),
        (429, 429, "rate_limit_error"),
        (500, 500, "api_error"),
        ("400", 500, "api_error"),
    ],
)
def test_a_model_error_goes_by_what_the_model_itself_had_answered(original: object, status: int, kind: str) -> None:
    body = {"message": "wrapped", "originalStatusCode": original, "originalMessage": "what the model said"}
    error = from_bedrock("modelStreamErrorException", body)
    assert (error.status, error.type) == (status, kind)
    assert (error.message == "what the model said") == (status == 400)
    assert error.upstream_message is None, "a model's own server may quote the conversation"


def test_an_overflow_that_the_model_itself_reports_is_one() -> None:
    body = {"message": "?", "originalStatusCode": 400, "originalMessage": "prompt is too long: 5 tokens > 4 maximum"}
    assert from_bedrock("modelErrorException", body).message == "prompt is too long: 5 tokens > 4 maximum"
    throttle = body | {"originalStatusCode": 429, "originalMessage": "Too many input tokens"}
    assert from_bedrock("modelErrorException", throttle).status == 429


@pytest.mark.parametrize(
    "said",
    [
        "invalid beta flag",
        f"{WRAPPER}invalid beta flag",
        "Unexpected value(s) `abc` for the `anthropic-beta` header.",
        "anthropic_beta: Input should be a valid list",
    ],
)
def test_an_unknown_beta_is_recognised_and_keeps_its_words(said: str) -> None:
    error = from_bedrock("ValidationException", {"message": said})
    assert isinstance(error, InvalidBeta)
    assert (error.status, error.type, error.message) == (400, "invalid_request_error", said.removeprefix(WRAPPER))


@pytest.mark.parametrize("said", ["tools.0.custom.defer_loading: Extra inputs are not permitted", "messages: beta"])
def test_other_refusals_are_no_matter_of_betas(said: str) -> None:
    error = from_bedrock("ValidationException", {"message": said})
    assert type(error) is InvalidRequest
    assert not isinstance(from_bedrock("ThrottlingException", {"message": "invalid beta flag"}), InvalidBeta)


@pytest.mark.parametrize(
    ("name", "said", "status"),
    [
        ("ValidationException", "The request body is too large.", None),
        ("ValidationException", "anything", 413),
        ("", "", 413),
        ("RequestEntityTooLargeException", "", 413),
    ],
)
def test_a_body_too_large_is_a_413(name: str, said: str, status: int | None) -> None:
    error = from_bedrock(name, {"message": said}, status=status)
    assert (error.status, error.type) == (413, "request_too_large")
    assert error.message


def test_a_name_that_nobody_knows_is_shown_without_what_it_may_hide() -> None:
    error = from_bedrock("x" * 500 + "Exception", {})
    assert (error.status, error.type) == (500, "api_error")
    assert len(error.message) < 200
    assert "123456789012" not in from_bedrock("Odd123456789012", {}).message


# Texts that do not come out as they went in: the words by which clients help themselves.
RETOLD = {
    "Input is too long for requested model.": (400, "prompt is too long"),
    "prompt tokens (1200345) exceed model maximum (1000000)": (
        400,
        "prompt is too long: 1200345 tokens > 1000000 maximum",
    ),
    "The maximum tokens you requested exceeds the model limit of 32768. Try again with a maximum tokens value that is "
    "lower than 32768.": (
        400,
        "max_tokens: 64000 > 32768, which is the maximum allowed number of output tokens for this model",
    ),
    "The provided model identifier is invalid.": (
        404,
        (
            "model: Bedrock does not know the model in this account and region. "
            "It said: The provided model identifier is invalid."
        ),
    ),
}


def recorded_errors() -> list[tuple[str, int, str]]:
    """Exception, HTTP status and message of every error text there is."""
    wild = json.loads((ERRORS / "error_texts_in_the_wild.json").read_text())["items"]
    http = [entry["response"] for entry in json.loads((ERRORS / "recorded_http_errors.json").read_text())]
    return [
        *((item["exception"].removeprefix("mantle "), item["http"], item["message"]) for item in wild),
        *(("ValidationException", response["status"], response["body"]["message"]) for response in http),
    ]


@pytest.mark.parametrize(("name", "status", "said"), recorded_errors(), ids=lambda value: str(value)[:60])
def test_every_recorded_text_comes_out_in_the_words_a_client_knows(name: str, status: int, said: str) -> None:
    name = "ValidationException" if name == "validation_error" else name
    error = from_bedrock(name, {"message": said}, status=status, max_tokens=64000)
    if name == "ValidationException":
        assert (error.status, error.message) == RETOLD.get(
            said.removeprefix(WRAPPER), (status, said.removeprefix(WRAPPER))
        )
    else:
        assert (error.status, error.upstream_message) == (status, said.removeprefix(WRAPPER))
