"""What a caller can be told: Anthropic's error types, each with its usual HTTP status.

Source: https://docs.claude.com/en/api/errors. How Bedrock's exceptions become these stands in `bedrock_errors.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson


class GatewayError(Exception):
    """An answer that is not the model's. Raised anywhere, turned into bytes by `middleware.py` or `streaming.py`."""

    type: ClassVar[str] = "api_error"
    usual_status: ClassVar[int] = 500
    usual_fault: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        fault: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fault = fault or self.usual_fault
        """For the log alone: what went wrong, in one word to count by (docs/reliability.md lists them)."""
        self.upstream_message: str | None = None
        """For the log alone: what AWS said, redacted, where the caller is told in our words."""
        self.status = status or self.usual_status
        self.headers: dict[str, str] = dict(headers or {})


class InvalidRequest(GatewayError):
    type = "invalid_request_error"
    usual_status = 400


class InvalidBeta(InvalidRequest):
    """Bedrock does not know one of the `anthropic_beta` values, and says not which: worth one retry without them."""


class Unauthenticated(GatewayError):
    type = "authentication_error"
    usual_status = 401


class PermissionDenied(GatewayError):
    type = "permission_error"
    usual_status = 403


class NotFound(GatewayError):
    type = "not_found_error"
    usual_status = 404


class RequestTooLarge(GatewayError):
    type = "request_too_large"
    usual_status = 413


class RateLimited(GatewayError):
    type = "rate_limit_error"
    usual_status = 429


class ApiError(GatewayError):
    type = "api_error"
    usual_status = 500


class UpstreamProtocolError(ApiError):
    """Upstream broke its protocol, or ended without `messageStop`: the answer is not whole."""

    usual_fault = "stream_corrupt"


class UpstreamTimeout(GatewayError):
    type = "timeout_error"
    usual_status = 504


class Overloaded(GatewayError):
    type = "overloaded_error"
    usual_status = 529


def error_body(error: GatewayError, request_id: str) -> dict[str, Any]:
    """The JSON of an error, the same before and inside a stream."""
    return {"type": "error", "error": {"type": error.type, "message": error.message}, "request_id": request_id}


def encode_error(error: GatewayError, request_id: str) -> bytes:
    return orjson.dumps(error_body(error, request_id))
