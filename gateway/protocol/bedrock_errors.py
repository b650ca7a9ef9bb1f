"""Bedrock's exceptions, before and inside a stream, as Anthropic errors. One table for both positions.

The wording is part of the protocol: Claude Code compacts the conversation, lowers `max_tokens` or leaves out thinking
blocks when it recognises a sentence, so Bedrock's words are kept except where another wording is the recognised one.
Names come as `ThrottlingException` in an HTTP header and as `throttlingException` inside a stream.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.protocol.errors import (
    ApiError,
    GatewayError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    RequestTooLarge,
    UpstreamTimeout,
)

# Keys start in lower case, as the members of ConverseStreamOutput do; a test compares them with botocore's model.
BEDROCK_ERRORS: Final[Mapping[str, type[GatewayError]]] = {
    "accessDeniedException": PermissionDenied,
    "internalServerException": ApiError,
    "modelErrorException": ApiError,
    "modelNotReadyException": Overloaded,
    "modelStreamErrorException": ApiError,
    "modelTimeoutException": UpstreamTimeout,
    "resourceNotFoundException": NotFound,
    "serviceQuotaExceededException": RateLimited,
    "serviceUnavailableException": Overloaded,
    "throttlingException": RateLimited,
    "validationException": InvalidRequest,
}

# The gateway's own credentials were refused. A 401 would send the user, who can do nothing about it, to log in again.
CREDENTIAL_ERRORS: Final = frozenset(
    {
        "expiredToken",
        "expiredTokenException",
        "incompleteSignature",
        "incompleteSignatureException",
        "invalidAccessKeyId",
        "invalidClientTokenId",
        "invalidSignatureException",
        "missingAuthenticationToken",
        "missingAuthenticationTokenException",
        "optInRequired",
        "signatureDoesNotMatch",
        "unrecognizedClientException",
    }
)

# For answers that name no exception we know. A bare 401 or 403 comes from something between us and Bedrock, or is about
# our credentials: never the caller's fault, so these are 500 like all that is not listed.
ERRORS_BY_STATUS: Final[Mapping[int, type[GatewayError]]] = {
    400: InvalidRequest,
    404: NotFound,
    408: UpstreamTimeout,
    413: RequestTooLarge,
    429: RateLimited,
    503: Overloaded,
    504: UpstreamTimeout,
}

WRAPPER: Final = "The model returned the following errors: "
INVALID_MODEL: Final = "the provided model identifier is invalid"
# Context overflow, in all wordings seen (messages-to-converse 8.2). Tried on ValidationException only: "Too many
# tokens, please wait" is a throttle, and compacting a throttled conversation would throw history away.
OVERFLOW: Final = re.compile(
    r"input is too long|prompt is too long|input tokens exceeded|maximum context length|context_length_exceeded"
    r"|exceeds the context window|exceed model maximum|too many input tokens|too many total text bytes"
    r"|is longer than the model's context length",
    re.IGNORECASE,
)
OVERFLOW_NUMBERS: Final = re.compile(
    r"prompt is too long: (\d+) tokens > (\d+) maximum|prompt tokens \((\d+)\) exceed model maximum \((\d+)\)"
)
SHRINKABLE: Final = "input length and `max_tokens` exceed context limit"
MAX_TOKENS_LIMIT: Final = re.compile(r"maximum tokens you requested exceeds the model limit of (\d+)")
PER_DAY: Final = re.compile(r"per day", re.IGNORECASE)

# What AWS's texts reveal about the account that runs the gateway.
REDACTIONS: Final = (
    (re.compile(r"\barn:aws[\w-]*:[^\s\"',;()\]]+"), "(ARN)"),
    (re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.(?:amazonaws\.com(?:\.cn)?|api\.aws)\b"), "(host)"),
    (re.compile(r"\b\d{12}\b"), "(account)"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"), "(access key)"),
)
MAX_MESSAGE_CHARACTERS: Final = 2000


def from_bedrock(
    name: str,
    body: Mapping[str, Any],
    *,
    status: int | None = None,
    max_tokens: int | None = None,
    retry_after: str | None = None,
) -> GatewayError:
    """The error that tells a caller what Bedrock's exception `name` says.

    `body` is the exception's JSON; `status` its HTTP status, absent inside a stream; `max_tokens` what the caller asked
    for, which one of Claude Code's recognised sentences repeats.
    """
    name = name[:1].lower() + name[1:]
    message = readable(body)
    if name in CREDENTIAL_ERRORS:
        return own_credentials(name)
    if name == "validationException":
        return from_validation(message, max_tokens)
    kind = BEDROCK_ERRORS.get(name) or ERRORS_BY_STATUS.get(status or 0, ApiError)
    if name in ("modelErrorException", "modelStreamErrorException") and _callers_fault(body):
        kind = InvalidRequest
    error = kind(message or f"Bedrock answered {name or 'an error'} without a message.")
    if kind is RateLimited:
        error.headers |= _throttle_headers(message, retry_after)
    return error


def from_validation(message: str, max_tokens: int | None = None) -> GatewayError:
    """A ValidationException in the words a client acts on."""
    if INVALID_MODEL in message.lower():
        return NotFound(f"model: Bedrock does not know the model in this account and region. It said: {message}")
    if SHRINKABLE in message:
        return InvalidRequest(message)
    if limit := MAX_TOKENS_LIMIT.search(message):
        asked = max_tokens if max_tokens is not None else int(limit[1]) + 1
        return InvalidRequest(
            f"max_tokens: {asked} > {limit[1]}, which is the maximum allowed number of output tokens for this model"
        )
    if OVERFLOW.search(message):
        return InvalidRequest(_overflow(message))
    return InvalidRequest(message or "Bedrock refused the request as invalid, without saying why.")


def own_credentials(name: str) -> ApiError:
    return ApiError(
        f"The gateway's own AWS credentials were refused or are missing ({name}). This is not about your API key: "
        "whoever runs the gateway has to renew its credentials or check its role."
    )


def readable(body: Mapping[str, Any]) -> str:
    """Bedrock's message without its wrapper, and without what it tells about the account."""
    for member in ("message", "Message", "originalMessage"):
        if isinstance(body.get(member), str) and body[member].strip():
            return redact(body[member].removeprefix(WRAPPER))
    return ""


def redact(text: str) -> str:
    for pattern, replacement in REDACTIONS:
        text = pattern.sub(replacement, text)
    return text[:MAX_MESSAGE_CHARACTERS]


def _overflow(message: str) -> str:
    if found := OVERFLOW_NUMBERS.search(message):
        tokens, maximum = (number for number in found.groups() if number is not None)
        return f"prompt is too long: {tokens} tokens > {maximum} maximum"
    return "prompt is too long"


def _callers_fault(body: Mapping[str, Any]) -> bool:
    original = body.get("originalStatusCode")
    return isinstance(original, int) and 400 <= original < 500


def _throttle_headers(message: str, retry_after: str | None) -> dict[str, str]:
    headers = {}
    if retry_after is not None and retry_after.isdigit():
        headers["retry-after"] = retry_after
    if PER_DAY.search(message):
        # A daily quota does not come back within a client's patience; ten tries only delay the message.
        headers["x-should-retry"] = "false"
    return headers
