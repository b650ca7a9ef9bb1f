"""Bedrock's exceptions, before and inside a stream, as Anthropic errors. One table for both positions.

The wording is part of the protocol: Claude Code compacts the conversation, lowers `max_tokens` or leaves out thinking
blocks when it recognises a sentence, so a validation's words are kept except where `limit_sentences.py` has the
recognised ones. All others are ours (`own_words.py`). Names come as `ThrottlingException` in an HTTP header and as
`throttlingException` inside a stream.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.protocol.errors import (
    ApiError,
    GatewayError,
    InvalidBeta,
    InvalidRequest,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    RequestTooLarge,
    UpstreamTimeout,
)
from gateway.protocol.limit_sentences import about_limits, is_invalid_beta, is_too_large
from gateway.protocol.own_words import PER_DAY, own_words
from gateway.protocol.redaction import redact

# Keys start in lower case, as the members of ConverseStreamOutput do; a test compares them with botocore's model.
BEDROCK_ERRORS: Final[Mapping[str, type[GatewayError]]] = {
    "accessDeniedException": PermissionDenied,
    "internalServerException": ApiError,
    "modelErrorException": ApiError,
    "modelNotReadyException": Overloaded,
    "modelStreamErrorException": ApiError,
    "modelTimeoutException": UpstreamTimeout,
    "notAuthorized": PermissionDenied,
    "resourceNotFoundException": NotFound,
    "serviceQuotaExceededException": RateLimited,
    "serviceUnavailableException": Overloaded,
    "throttlingException": RateLimited,
    "validationException": InvalidRequest,
}

# What the log calls them. Inside a stream all are `stream_error`: Bedrock had begun to answer.
FAULTS: Final[Mapping[str, str]] = {
    "accessDeniedException": "access_denied",
    "internalServerException": "upstream_5xx",
    "modelErrorException": "upstream_5xx",
    "modelNotReadyException": "throttled",
    "modelStreamErrorException": "upstream_5xx",
    "modelTimeoutException": "model_timeout",
    "notAuthorized": "access_denied",
    "resourceNotFoundException": "not_found",
    "serviceQuotaExceededException": "quota",
    "serviceUnavailableException": "upstream_unavailable",
    "throttlingException": "throttled",
    "validationException": "upstream_400",
}
FAULTS_BY_STATUS: Final[Mapping[int, str]] = {
    400: "upstream_400",
    404: "not_found",
    408: "model_timeout",
    413: "upstream_400",
    429: "throttled",
    503: "upstream_unavailable",
    504: "model_timeout",
}
OTHER_FAULT: Final = "upstream_5xx"

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
        "requestExpired",
        "requestTimeTooSkewed",
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
# The model's own refusal, passed on by Bedrock with the status it had there.
MODEL_ERRORS: Final = ("modelErrorException", "modelStreamErrorException")
MODEL_ERRORS_BY_STATUS: Final[Mapping[int, type[GatewayError]]] = {
    408: UpstreamTimeout,
    413: RequestTooLarge,
    429: RateLimited,
}
MESSAGE_FIRST: Final = ("message", "Message", "originalMessage")
ORIGINAL_FIRST: Final = ("originalMessage", "message", "Message")
MAX_NAME_CHARACTERS: Final = 80
TOO_LARGE: Final = "The request is too large for Bedrock. Leave out files or images, or shorten the conversation."


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
    error = _translate(name, body, status, max_tokens, retry_after)
    if status is None:
        error.fault = "stream_error"
    elif error.fault is None:
        error.fault = FAULTS.get(name) or FAULTS_BY_STATUS.get(status, OTHER_FAULT)
    return error


def _translate(
    name: str, body: Mapping[str, Any], status: int | None, max_tokens: int | None, retry_after: str | None
) -> GatewayError:
    if name in CREDENTIAL_ERRORS:
        return own_credentials(name)
    message = readable(body)
    if status == RequestTooLarge.usual_status:
        return RequestTooLarge(TOO_LARGE)
    if name == "validationException":
        return from_validation(message, max_tokens)
    if name in MODEL_ERRORS and isinstance(original := body.get("originalStatusCode"), int) and 400 <= original < 500:
        return _from_model(original, readable(body, ORIGINAL_FIRST), max_tokens)
    kind = BEDROCK_ERRORS.get(name) or ERRORS_BY_STATUS.get(status or 0, ApiError)
    error = kind(own_words(name, message) or _nameless(name, status))
    if name not in MODEL_ERRORS:  # what the model's own server says may quote the request
        error.upstream_message = message or None
    if kind is RateLimited:
        error.headers |= _throttle_headers(message, retry_after)
    return error


def from_validation(message: str, max_tokens: int | None = None) -> GatewayError:
    """A ValidationException in the words a client acts on."""
    if INVALID_MODEL in message.lower():
        return NotFound(f"model: Bedrock does not know the model in this account and region. It said: {message}")
    if is_invalid_beta(message):
        return InvalidBeta(message)
    if is_too_large(message):
        return RequestTooLarge(message)
    return InvalidRequest(
        about_limits(message, max_tokens) or "Bedrock refused the request as invalid, without saying why."
    )


def _from_model(status: int, message: str, max_tokens: int | None) -> GatewayError:
    """What the model itself refused is as good as a validation error, unless its status says otherwise."""
    kind = MODEL_ERRORS_BY_STATUS.get(status)
    if kind is None:
        return from_validation(message, max_tokens)
    return kind(f"The model answered with HTTP {status}, as Bedrock reports.")


def _nameless(name: str, status: int | None) -> str:
    shown = redact(name[:MAX_NAME_CHARACTERS]) or "an error that has no name"
    return f"Bedrock answered {shown}" + (f" (HTTP {status})." if status else ".")


def own_credentials(name: str) -> ApiError:
    return ApiError(
        f"The gateway's own AWS credentials were refused or are missing ({name}). This is not about your API key: "
        "whoever runs the gateway has to renew its credentials, or check its role and its clock.",
        fault="credentials",
    )


def readable(body: Mapping[str, Any], members: tuple[str, ...] = MESSAGE_FIRST) -> str:
    """Bedrock's message without its wrapper, and without what it tells about the account."""
    for member in members:
        if isinstance(body.get(member), str) and body[member].strip():
            return redact(body[member].removeprefix(WRAPPER))
    return ""


def _throttle_headers(message: str, retry_after: str | None) -> dict[str, str]:
    headers = {}
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        headers["retry-after"] = retry_after
    if PER_DAY.search(message):
        # A daily quota does not come back within a client's patience; ten tries only delay the message.
        headers["x-should-retry"] = "false"
    return headers
