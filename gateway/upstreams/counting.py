"""Bedrock's CountTokens: what a request would cost as input, free of charge and without running it.

It takes the members of a Converse request that become tokens, and only base ids: with the id of an inference profile
the recorded answer is 400 "The provided model doesn't support counting tokens.".
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

from typing import Any, Final

import aiohttp
import orjson
from botocore.exceptions import BotoCoreError

from gateway.own_credentials import CredentialsFailed, OwnCredentials
from gateway.protocol.converse import ConverseRequest
from gateway.protocol.errors import ApiError
from gateway.protocol.model_fields import WithoutBetas
from gateway.protocol.request_body import encode
from gateway.upstreams.bedrock import BODY_PARAMETER, BedrockRefusal, no_credentials, put_body, take_body, unreachable

# The members of botocore's ConverseTokensRequest; a test compares them.
MODEL_FIELDS: Final = "additionalModelRequestFields"
COUNTED_MEMBERS: Final = ("messages", "system", "toolConfig", MODEL_FIELDS)
OPERATION: Final = "bedrock-runtime.CountTokens"


class TokenCounting:
    """CountTokens on a `bedrock-runtime` client, which may serve other operations too."""

    def __init__(self, client: Any, credentials: OwnCredentials) -> None:
        self._client = client
        self._credentials = credentials
        events = client.meta.events
        events.register(f"provide-client-params.{OPERATION}", take_body)
        events.register(f"before-call.{OPERATION}", put_body)
        events.register(f"before-parse.{OPERATION}", _check_answer)

    async def count(self, base_model_id: str, body: bytes) -> int:
        """`body` comes from `encode_count`. Raises `GatewayError` for a refusal, and when Bedrock cannot be reached."""
        try:
            await self._credentials.current()
        except CredentialsFailed as error:
            raise no_credentials(error) from error
        try:
            answer = await self._client.count_tokens(modelId=base_model_id, **{BODY_PARAMETER: body})
        except NotACount as error:
            odd = "Bedrock's endpoint answered with something that is not a number of tokens."
            raise ApiError(odd, fault="upstream_garbage") from error
        except BedrockRefusal as refusal:
            raise refusal.translated(None) from refusal
        except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error) from error
        tokens: int = answer["inputTokens"]
        return tokens


class NotACount(Exception):
    """A 200 without a number: something stands between us and Bedrock."""


def encode_count(request: ConverseRequest, without_betas: WithoutBetas | None = None) -> bytes:
    """The body of CountTokens for this request, with its betas or without them."""
    counted: Any = {name: request[name] for name in COUNTED_MEMBERS if name in request}
    if without_betas is not None:
        counted |= {MODEL_FIELDS: without_betas.fields}
    if not counted.get(MODEL_FIELDS):
        counted.pop(MODEL_FIELDS, None)
    return b'{"input":{"converse":%b}}' % encode(counted)


def _check_answer(response_dict: dict[str, Any], **_: object) -> None:
    """Before botocore's parser, which fails on odd bodies."""
    status: int = response_dict["status_code"]
    body: bytes = response_dict["body"]
    if status >= 300:
        raise BedrockRefusal(status, response_dict["headers"], body)
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotACount from None
    tokens = answer.get("inputTokens") if isinstance(answer, dict) else None
    if type(tokens) is not int or tokens < 0:
        raise NotACount
