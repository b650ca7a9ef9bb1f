"""JSON lines on standard output, by Powertools' Logger: one for each request, and few others.

Fields go with their line, as `extra`. Powertools' ways of adding them beforehand mix up concurrent requests under
asyncio (`append_keys`, its context manager), or live as long as the connection (`thread_safe_append_keys`).
"""

import asyncio
import json
import logging
import math
import re
import time
import traceback
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import orjson
from aws_lambda_powertools import Logger

from gateway.protocol.errors import ApiError, GatewayError, InvalidRequest
from gateway.protocol.redaction import redact
from gateway.protocol.usage import Usage

SERVICE: Final = "chatrix"
# A child of the application's logger: what aiohttp has to say about connections.
HTTP_LOGGER: Final = "chatrix.http"
# What asyncio itself has to say.
LOOP_LOGGER: Final = "chatrix.loop"
MAX_LOGGED_PATH: Final = 100
# What libraries have to say, botocore above all.
LIBRARY_LOGGER: Final = "chatrix.libraries"
# asyncio repeats itself: without a descriptor, for each connection that it cannot accept.
SECONDS_BETWEEN_REPEATS: Final = 1.0
MAX_REMEMBERED: Final = 100
CALLED_WITH: Final = re.compile(r" callback.*", re.DOTALL)
CLIENT_GONE: Final = "client_gone"
# It was there, and took nothing of its answer for too long.
SLOW_CLIENT: Final = "slow_client"
# In ASCII, which Powertools' own serializer is not: some characters move a terminal's cursor or end a line.
LINE_ENCODER: Final = json.JSONEncoder(default=str, separators=(",", ":"))
INTERNAL_ERROR: Final = "The gateway failed to answer; its log has the details under the request id."


def make_logger(level: str) -> Logger:
    """The application's logger. Its records carry no prompts and no keys at any level.

    Modules that use the standard library's logging take a child of its name (`chatrix.access`). The root logger keeps
    its level: botocore's debug lines hold bodies, the key secret's among them.
    """
    # What no line of ours has; the logging module looks it up for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # A message is a text, even if it looks like JSON: as which Powertools would read each of them.
    return Logger(
        service=SERVICE,
        level=level,
        use_rfc3339=True,
        utc=True,
        json_serializer=LINE_ENCODER.encode,
        json_deserializer=str,
    )


class LibraryHandler(logging.Handler):
    """Warnings of libraries as our own lines, redacted. Of their tracebacks only the places are shown."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._log = logging.getLogger(LIBRARY_LOGGER)

    def emit(self, record: logging.LogRecord) -> None:
        failure = record.exc_info[1] if record.exc_info else None
        trace = traceback.format_tb(failure.__traceback__) if failure is not None else None
        fields = {"error_cause": failure and type(failure).__name__, "trace": trace}
        self._log.log(record.levelno, "%s: %s", record.name, redact(record.getMessage()), extra=fields)


def log_libraries() -> None:
    """Python would write what nobody handles to standard error as plain text, and botocore's names role and account."""
    logging.lastResort = LibraryHandler()


def log_loop_failures(loop: asyncio.AbstractEventLoop) -> None:
    """asyncio would write them to standard error as plain text with a traceback, which no tool for logs reads."""
    logger = logging.getLogger(LOOP_LOGGER)
    told: dict[str, float] = {}

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Behind that word stands what it was called with: bytes of a request, for example.
        message = CALLED_WITH.sub(" callback", str(context.get("message", "")))
        if loop.time() - told.get(message, -math.inf) < SECONDS_BETWEEN_REPEATS:
            return
        if len(told) >= MAX_REMEMBERED:
            told.clear()
        told[message] = loop.time()
        failure = context.get("exception")
        trace = traceback.format_tb(failure.__traceback__) if failure is not None else None
        fields = {
            "error_cause": failure and type(failure).__name__,
            "errno": getattr(failure, "errno", None),
            "trace": trace,
        }
        logger.error("asyncio: %s", message, extra=fields)

    loop.set_exception_handler(report)


class AccessLine(msgspec.Struct):
    """What is written about one request when it ends. Filled in along the way by whoever knows."""

    request_id: str
    method: str
    path: str
    started: float = msgspec.field(default_factory=time.monotonic)
    status: int = 0
    caller: str | None = None
    model: str | None = None
    model_id: str | None = None
    streamed: bool | None = None
    upstream_request_id: str | None = None
    stop_reason: str | None = None
    usage: Usage | None = None
    first_event_ms: float | None = None
    dropped: tuple[str, ...] = ()
    approximated: tuple[str, ...] = ()
    unknown_events: int = 0
    upstream_calls: int = 0
    retry_budget_empty: bool = False
    """A call would have been repeated, had not so many failed before it."""
    fault: str | None = None
    """What went wrong, in one word to count by (docs/reliability.md)."""
    upstream_message: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    error_cause: str | None = None
    error_status: int = 0
    """The status that the error has, or would have had: after the first byte it is an event, and `status` is 200."""
    phase: str | None = None
    """How far a request had come whose client left: `body`, `waiting` for the first event, `answer`."""
    session_id: str | None = None
    lambda_request_id: str | None = None
    cold_start: bool = False
    trace: list[str] | None = None

    def first_event(self) -> None:
        """Called at the first byte of the answer; later calls change nothing."""
        if self.first_event_ms is None:
            self.first_event_ms = self.elapsed_ms()

    def client_gone(self, fault: str = CLIENT_GONE) -> None:
        """Nobody is there to be answered any more."""
        self.fault = fault
        self.phase = "answer" if self.first_event_ms is not None else "waiting" if self.model is not None else "body"

    def lose(self, dropped: tuple[str, ...], approximated: tuple[str, ...]) -> None:
        """More of the request than its translation has told of."""
        self.dropped = tuple(dict.fromkeys((*self.dropped, *dropped)))
        self.approximated = tuple(dict.fromkeys((*self.approximated, *approximated)))

    def note_failure(self, failure: Exception) -> GatewayError:
        """What to answer: the failure itself if it was meant for the caller, otherwise a plain 500.

        Of the latter the log gets the type and the places, not the message: that may quote the conversation.
        """
        if isinstance(failure, GatewayError):
            error = failure
        else:
            error = ApiError(INTERNAL_ERROR)
            self.trace = [type(failure).__name__, *traceback.format_tb(failure.__traceback__)]
        self.error(error)
        return error

    def error(self, error: GatewayError) -> None:
        """What is logged of it. A refusal of the caller's own request may quote it: only its JSON path is."""
        self.error_type = error.type
        self.fault = error.fault
        self.upstream_message = error.upstream_message
        self.error_status = error.status
        if error.__cause__ is not None:
            self.error_cause = getattr(error.__cause__, "summary", type(error.__cause__).__name__)
        self.error_message = error.message
        if isinstance(error, InvalidRequest):
            self.error_message = error.message.partition(":")[0][:MAX_LOGGED_PATH]

    def fields(self) -> dict[str, Any]:
        """Without the fields nobody filled in."""
        usage = self.usage
        values = {
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "caller": self.caller,
            "session_id": self.session_id,
            "lambda_request_id": self.lambda_request_id,
            "cold_start": self.cold_start or None,
            "model": self.model,
            "model_id": self.model_id,
            "streamed": self.streamed,
            "stop_reason": self.stop_reason,
            "input_tokens": usage and usage.input,
            "output_tokens": usage and usage.output,
            "cache_read_tokens": usage and usage.cache_read,
            "cache_write_tokens": usage and usage.cache_write,
            "first_event_ms": self.first_event_ms,
            "total_ms": self.elapsed_ms(),
            "dropped": list(self.dropped) or None,
            "approximated": list(self.approximated) or None,
            "unknown_events": self.unknown_events or None,
            "upstream_request_id": self.upstream_request_id,
            "upstream_calls": self.upstream_calls or None,
            "retry_budget_empty": self.retry_budget_empty or None,
            "fault": self.fault,
            "phase": self.phase,
            "error_type": self.error_type,
            "error_message": self.error_message,
            "error_cause": self.error_cause,
            "upstream_message": self.upstream_message,
            "trace": self.trace,
        }
        for name in [name for name, value in values.items() if value is None]:
            del values[name]
        return values

    def elapsed_ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)


def access_line(logger: Logger, line: AccessLine, fields: dict[str, Any]) -> str:
    """The line that the logger would make of `line.fields()`, in a fifth of the time: there is one for each request.

    Empty where the logger's level leaves it out.
    """
    level = logging.ERROR if line.trace else logging.INFO
    if level < logger.log_level:
        return ""
    whole = {
        "level": logging.getLevelName(level),
        "location": "access_line",
        "message": "request",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "service": SERVICE,
        **fields,
    }
    return encode_line(whole)


def encode_line(fields: dict[str, Any]) -> str:
    """As LINE_ENCODER does it: orjson is faster, and writes other characters than ASCII as they are."""
    try:
        written = orjson.dumps(fields, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        written = None
    if written is None or not written.isascii():
        return LINE_ENCODER.encode(fields) + "\n"
    return written.decode()
