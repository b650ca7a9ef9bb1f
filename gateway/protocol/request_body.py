"""The bytes that go upstream, and those that go instead when Bedrock refuses the betas.

Both differ in `additionalModelRequestFields` alone, which stands last in the body: the second form is the beginning of
the first with another end, put together when it is needed. A body has megabytes, and is never held twice.
"""

from typing import Any

import msgspec
import orjson

from gateway.protocol.converse import ConverseRequest
from gateway.protocol.errors import InvalidRequest
from gateway.protocol.model_fields import BETAS, WithoutBetas


class RequestBody(msgspec.Struct, frozen=True):
    whole: bytes
    """The JSON of a ConverseRequest without `modelId`."""
    common_bytes: int = 0
    other_end: bytes | None = None
    """Without betas the body is the first `common_bytes` and this. None: there is no such form."""
    dropped: tuple[str, ...] = ()
    """What the caller is to be told when that one is sent; of that one itself, what he has to be told of it."""
    approximated: tuple[str, ...] = ()
    betas: tuple[str, ...] = ()
    """Those that are sent."""

    def without_betas(self) -> "RequestBody":
        if self.other_end is None:
            raise ValueError("this body has no other form")
        whole = self.whole[: self.common_bytes] + self.other_end
        return RequestBody(whole, dropped=self.dropped, approximated=self.approximated)


def encode(request: ConverseRequest) -> bytes:
    try:
        return orjson.dumps(request)
    except TypeError as error:  # orjson writes 254 levels; `parsing` lets 200 of the caller's through
        raise InvalidRequest(f"The request cannot be written as JSON for Bedrock: {error}") from None


def encode_both(request: ConverseRequest, other: WithoutBetas | None) -> RequestBody:
    fields = request.get("additionalModelRequestFields")
    if fields is None:
        return RequestBody(encode(request))
    betas = tuple(fields.get(BETAS, ()))
    if other is None:
        return RequestBody(encode(request), betas=betas)
    last = request.copy()
    del last["additionalModelRequestFields"]
    last["additionalModelRequestFields"] = fields
    whole = encode(last)
    common_bytes = len(whole) - len(_end(fields))
    other_end = _end(other.fields) if other.fields else b"}"
    return RequestBody(whole, common_bytes, other_end, other.dropped, other.approximated, betas)


def _end(fields: dict[str, Any]) -> bytes:
    return b',"additionalModelRequestFields":%b}' % orjson.dumps(fields)
