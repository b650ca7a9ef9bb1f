"""Limits, in the sentences by which Claude Code compacts, or lowers max_tokens (messages-to-converse 8.2)."""

import pytest

from gateway.protocol.bedrock_errors import from_bedrock

TOGETHER = "input length and `max_tokens` exceed context limit"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("The model returned the following errors: Input is too long for requested model.", "prompt is too long"),
        ("prompt is too long: 210266 tokens > 200000 maximum", "prompt is too long: 210266 tokens > 200000 maximum"),
        (
            "prompt tokens (1200345) exceed model maximum (1000000)",
            "prompt is too long: 1200345 tokens > 1000000 maximum",
        ),
        (
            "prompt is too long: 1,210,266 tokens > 1,000,000 maximum",
            "prompt is too long: 1210266 tokens > 1000000 maximum",
        ),
        ("This request exceeds the context window", "prompt is too long"),
        ("PROMPT IS TOO LONG", "prompt is too long"),
        ("input tokens exceeded the limit", "prompt is too long"),
        ("context_length_exceeded", "prompt is too long"),
        ("too many input tokens", "prompt is too long"),
        ("too many total text bytes: 9 > 8", "prompt is too long"),
        ("The prompt is longer than the model's context length of 8192.", "prompt is too long"),
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 8264 tokens.",
            "prompt is too long: 8264 tokens > 8192 maximum",
        ),
        (
            (
                "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens "
                "(122942 in the messages, 8192 in the completion). Please reduce the length of the messages."
            ),
            f"{TOGETHER}: 122942 + 8192 > 131072, decrease input length or `max_tokens` and try again",
        ),
        (
            (
                "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4500 in the "
                "messages, 500 in the completion)."
            ),
            "prompt is too long: 4500 tokens > 4096 maximum",
        ),
    ],
)
def test_an_overflow_is_told_in_the_words_that_make_claude_code_compact(said: str, told: str) -> None:
    error = from_bedrock("ValidationException", {"message": said})
    assert (error.status, error.message) == (400, told)


def test_a_throttle_is_never_an_overflow() -> None:
    error = from_bedrock("ThrottlingException", {"message": "Too many tokens, please wait before trying again."})
    assert error.status == 429
    assert error.message.startswith("Too many tokens: Bedrock slows")


def test_a_shrinkable_max_tokens_keeps_its_sentence() -> None:
    said = "input length and `max_tokens` exceed context limit: 184915 + 20000 > 204648, decrease input length"
    assert from_bedrock("ValidationException", {"message": said}).message == said


def test_bedrocks_max_tokens_limit_is_told_in_anthropics_words() -> None:
    said = (
        "The maximum tokens you requested exceeds the model limit of 32768. Try again with a maximum tokens value ..."
    )
    error = from_bedrock("ValidationException", {"message": said}, max_tokens=64000)
    assert error.message.startswith("max_tokens: 64000 > 32768, which is the maximum allowed number of output tokens")


def test_the_number_that_was_asked_for_is_never_invented() -> None:
    said = "The maximum tokens you requested exceeds the model limit of 32768."
    assert from_bedrock("ValidationException", {"message": said}).message == said


@pytest.mark.parametrize("name", ["ThrottlingException", "ServiceQuotaExceededException", "ModelNotReadyException"])
@pytest.mark.parametrize("said", ["Too many input tokens, please wait", "input is too long", "prompt is too long"])
def test_only_a_validation_error_can_be_an_overflow(name: str, said: str) -> None:
    error = from_bedrock(name, {"message": said})
    assert error.status in (429, 529)
    assert "too long" not in error.message
    assert error.upstream_message == said
