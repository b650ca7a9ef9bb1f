"""What Lambda says about the invocation that a request belongs to.

The Lambda Web Adapter sends it as JSON in a header, which it always overwrites. So it is true behind the adapter, and
anybody's invention everywhere else: there it is never read.
"""

import time
from collections.abc import Mapping
from typing import Final

import msgspec
import orjson
from aiohttp import web

from gateway.settings import Settings

CONTEXT_HEADER: Final = "x-amzn-lambda-context"
# Longer ones are not Lambda's.
MAX_REQUEST_ID: Final = 128


class Invocation(msgspec.Struct, frozen=True):
    """`ends`: when the answer must have ended, by `time.monotonic()`, margin taken off. None: no limit is known."""

    request_id: str | None = None
    ends: float | None = None


INVOCATION: Final = web.RequestKey("invocation", Invocation)


def read_invocation(headers: Mapping[str, str], settings: Settings) -> Invocation:
    """What the adapter says. An unreadable context is none: no request fails because of it."""
    text = headers.get(CONTEXT_HEADER) if settings.behind_adapter else None
    if not text:
        return Invocation()
    try:
        context = orjson.loads(text)
    except ValueError:
        return Invocation()
    if not isinstance(context, dict):
        return Invocation()
    return Invocation(_request_id(context.get("request_id")), _end(context.get("deadline"), settings))


def _request_id(value: object) -> str | None:
    return value[:MAX_REQUEST_ID] if isinstance(value, str) else None


def _end(deadline_ms: object, settings: Settings) -> float | None:
    """The deadline is wall-clock time; no process is frozen while it answers, so what is left can be measured."""
    if not isinstance(deadline_ms, int) or isinstance(deadline_ms, bool):
        return None
    left = max(0.0, deadline_ms / 1000 - time.time())
    # A function with a short time-out keeps half of it for its answer.
    return time.monotonic() + max(left - settings.deadline_margin_seconds, left / 2)
