"""How Bedrock says no: its exceptions, their HTTP statuses and their usual words.

The statuses are those of botocore's service model (a test compares them); the names below the line come from the AWS
front door, which checks credentials before Bedrock sees the call. Texts: recorded errors and public issue threads.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web

# Bedrock writes the error's name and a namespace into one header; botocore keeps what stands before the colon.
ERROR_NAMESPACE: Final = "http://internal.amazon.com/coral/com.amazon.bedrock/"
MODEL_ERRORS_PREFIX: Final = "The model returned the following errors: "

STATUSES: Final = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
    # From the front door; not in the service model.
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 400,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "RequestEntityTooLargeException": 413,
    "SerializationException": 400,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}

USUAL_MESSAGES: Final = {
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "ExpiredTokenException": "The security token included in the request is expired",
    "InternalServerException": "The system encountered an unexpected error during processing. Try your request again.",
    "ModelErrorException": "The system encountered an unexpected error during processing. Try your request again.",
    "ModelNotReadyException": "The model is not ready for inference. Try again later.",
    "ModelStreamErrorException": "An error occurred while the response was being streamed. Try your request again.",
    "ModelTimeoutException": "The request took too long to process. Processing time exceeded the model timeout length.",
    "ResourceNotFoundException": "Could not resolve the foundation model from the provided model identifier.",
    "ServiceQuotaExceededException": "Your request exceeds the service quota for your account.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
    "ThrottlingException": "Too many tokens, please wait before trying again.",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "ValidationException": "The request is not valid.",
}


class Refusal(Exception):
    """A Bedrock exception instead of an answer. `name` as in the service model: `ThrottlingException`."""

    def __init__(self, name: str, message: str = "") -> None:
        self.name = name[:1].upper() + name[1:]
        self.message = message or USUAL_MESSAGES.get(self.name, self.name)
        super().__init__(f"{self.name}: {self.message}")

    @property
    def status(self) -> int:
        return STATUSES.get(self.name, 400)

    @property
    def name_in_stream(self) -> str:
        """Inside a stream the name starts in lower case."""
        return self.name[:1].lower() + self.name[1:]


def invalid(message: str) -> Refusal:
    """Bedrock itself found the request wrong."""
    return Refusal("ValidationException", message)


def model_refuses(message: str) -> Refusal:
    """The model behind Bedrock found it wrong: the same exception, with a fixed beginning."""
    return Refusal("ValidationException", MODEL_ERRORS_PREFIX + message)


def unsupported_field(field: str) -> Refusal:
    """Bedrock knows the field, this model does not."""
    return invalid(f"This model doesn't support the {field} field. Remove {field} and try again.")


def unsupported_block(name: str) -> Refusal:
    return invalid(
        f"This model doesn't support the {name} content block that you provided. "
        "Update the content block and try again."
    )


def not_permitted(path: str) -> Refusal:
    """The model's validator found a member it does not have."""
    return model_refuses(f"{path}: Extra inputs are not permitted")


def refusal_response(refusal: Refusal, request_id: str) -> web.Response:
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": f"{refusal.name}:{ERROR_NAMESPACE}"}
    return json_response({"message": refusal.message}, status=refusal.status, headers=headers)


def json_response(
    body: Any, *, status: int = 200, content_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> web.Response:
    """AWS names no charset, aiohttp's own helper does."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers={"Content-Type": content_type, **(headers or {})}
    )
