"""`chatrix smoke URL`: is a deployed gateway good? It asks for a short answer and measures how it arrives.

A gateway can answer and still be wrong: behind a buffered Function URL, or a proxy that gathers, every event arrives at
the end, and people wait for whole answers. So what counts is when the events come. It costs two short answers of a
small model.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

GOOD: Final = 0
BAD: Final = 1
USAGE_ERROR: Final = 2
# The first is ours alone; the others may hold a key for Anthropic itself.
KEY_VARIABLES: Final = ("CHATRIX_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY")
# The newest small Claude, whatever it is called.
DEFAULT_MODEL: Final = "haiku"
DEFAULT_PROMPT: Final = "Count from 1 to 80 in words, separated by commas. Nothing else."
MAX_TOKENS: Final = 400
TIMEOUT: Final = aiohttp.ClientTimeout(total=180, sock_connect=10)
# An answer that took longer than this to come, and then came within this: somebody held it back. The prompt asks for
# enough to take longer than both.
SLOW_SECONDS: Final = 0.6
ALL_AT_ONCE_SECONDS: Final = 0.05
# A stream has about one event a read.
EVENTS_IN_A_PIECE: Final = 5
SHOWN_INSTEAD_OF_KEY: Final = "(the key)"
# What the Lambda Web Adapter sends before the body; the Function URL takes it off, if it is a streaming one.
PRELUDE_END: Final = b"\0" * 8
SHOWN_CHARACTERS: Final = 300

BUFFERED: Final = (
    "The answer came in one piece at its end: somebody gathers it. A Function URL must have the invoke mode "
    "RESPONSE_STREAM; a proxy must not buffer text/event-stream."
)
FORBIDDEN: Final = (
    "The URL itself answers 403, not the gateway. A public Function URL needs two permissions, "
    "lambda:InvokeFunctionUrl and lambda:InvokeFunction limited to calls through the URL: run `terraform apply`. An "
    "organization may also forbid public URLs."
)
CRASHED: Final = "Not the gateway's words. On Lambda: the function failed or did not start, and its log says why."
PRELUDE: Final = (
    "The adapter's JSON and NULs stand in the body: the function streams, and the URL in front does not know it. Set "
    "the URL's invoke mode to RESPONSE_STREAM."
)


@dataclass(slots=True)
class Measurement:
    """One answer. Times are seconds since the request was sent."""

    status: int = 0
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    arrivals: list[float] = field(default_factory=list)
    """One for each read that brought something."""
    failure: str = ""
    """Why there is no answer, or no end of it."""
    has_length: bool = False
    """Whoever states the length of an answer has seen its end."""

    @property
    def events(self) -> int:
        return self.body.count(b"\nevent: ") + self.body.startswith(b"event: ")

    @property
    def first_event_seconds(self) -> float:
        return self.arrivals[0] if self.arrivals else 0.0

    @property
    def total_seconds(self) -> float:
        return self.arrivals[-1] if self.arrivals else 0.0

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.arrivals, self.arrivals[1:], strict=False)]

    def summary(self) -> dict[str, Any]:
        p50, p95 = _percentiles(self.gaps)
        return {
            "status": self.status,
            "first_event_ms": round(self.first_event_seconds * 1000),
            "gap_p50_ms": round(p50 * 1000),
            "gap_p95_ms": round(p95 * 1000),
            "gap_max_ms": round(max(self.gaps, default=0.0) * 1000),
            "total_ms": round(self.total_seconds * 1000),
            "events": self.events,
            "output_tokens": _output_tokens(self.body),
        }


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0], values[0]) if values else (0.0, 0.0)
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[9], cuts[18]


def _output_tokens(body: bytes) -> int:
    """From message_delta, which is the last to say."""
    found = re.findall(rb'"output_tokens":\s*(\d+)', body)
    return int(found[-1]) if found else 0


# --- the command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help="the gateway's address, as in ANTHROPIC_BASE_URL")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="who answers (default: %(default)s, the smallest)")
    parser.add_argument("--prompt", default=DEFAULT_PROMPT, help="what is asked")
    parser.add_argument(
        "--count", type=int, default=2, help="answers, at least 1; the first may meet a cold start (default: 2)"
    )
    parser.add_argument(
        "--max-first-event-seconds", type=float, default=30.0, metavar="S", help="later is bad (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """0: it streams. 1: something is wrong, and it is said what. 2: no key, or no URL."""
    key = next((text for name in KEY_VARIABLES if (text := os.environ.get(name, "").strip())), None)
    if key is None:
        print(f"chatrix smoke: set an API key of the gateway in {KEY_VARIABLES[0]}.", file=sys.stderr)
        return USAGE_ERROR
    if not is_url(arguments.url):
        print("chatrix smoke: the URL is to look like https://HOST or http://HOST:PORT.", file=sys.stderr)
        return USAGE_ERROR
    if arguments.count < 1:
        print("chatrix smoke: --count is at least 1: nothing is proven without an answer.", file=sys.stderr)
        return USAGE_ERROR
    measurements, problems = asyncio.run(examine(base_of(arguments.url), key, arguments))
    # Whoever answers may quote what it was sent.
    problems = [problem.replace(key, SHOWN_INSTEAD_OF_KEY) for problem in problems]
    report(measurements, problems, as_json=arguments.json)
    return BAD if problems else GOOD


def is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def base_of(url: str) -> str:
    return re.sub(r"(/v1)?/*$", "", url.strip())


async def examine(base: str, key: str, arguments: argparse.Namespace) -> tuple[list[Measurement], list[str]]:
    """One after the other; it stops at the first answer that is wrong."""
    measurements: list[Measurement] = []
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers={"x-api-key": key}) as session:
        for path in ("/health", "/v1/models"):
            if problem := path_problem(path, await measure(session, "GET", base + path)):
                return measurements, [problem]
        body = {
            "model": arguments.model,
            "max_tokens": MAX_TOKENS,
            "stream": True,
            "messages": [{"role": "user", "content": arguments.prompt}],
        }
        for _ in range(arguments.count):
            measurement = await measure(session, "POST", f"{base}/v1/messages", body)
            measurements.append(measurement)
            if problems := list(problems_of(measurement, arguments.max_first_event_seconds)):
                return measurements, problems
    return measurements, []


async def measure(session: aiohttp.ClientSession, method: str, url: str, body: object = None) -> Measurement:
    measurement = Measurement()
    began = time.monotonic()
    try:
        async with session.request(method, url, json=body, allow_redirects=False) as response:
            measurement.status = response.status
            measurement.content_type = response.content_type
            measurement.has_length = "content-length" in response.headers
            async for piece in response.content.iter_any():
                measurement.arrivals.append(time.monotonic() - began)
                measurement.body += piece
    except TimeoutError:
        measurement.failure = f"No end of the answer after {time.monotonic() - began:.0f} s."
    except aiohttp.ClientSSLError:
        measurement.failure = "The server's TLS certificate is not one that this machine trusts."
    except aiohttp.ClientConnectorError:
        measurement.failure = "Nothing can be reached at this address."
    except aiohttp.ClientError as error:
        measurement.failure = f"The connection broke ({type(error).__name__})."
    return measurement


# --- the verdict


def path_problem(path: str, measurement: Measurement) -> str | None:
    if measurement.failure or measurement.status != 200:
        return f"GET {path}: {_refusal(measurement)}"
    return None


def problems_of(measurement: Measurement, max_first_event_seconds: float) -> Iterator[str]:
    """Pure. Nothing: the answer is whole, and it streamed."""
    if measurement.failure or measurement.status != 200:
        yield _refusal(measurement)
        return
    if PRELUDE_END in measurement.body:
        yield PRELUDE
        return
    if measurement.content_type != "text/event-stream":
        yield f"The answer is {measurement.content_type or 'of no type'}, not a stream of events."
        return
    if error := re.search(rb"event: error\ndata: (.+)", measurement.body):
        yield f"The stream ended in an error: {_message(error[1])}"
    elif b"event: message_stop" not in measurement.body:
        yield "The stream ended before the answer did: no message_stop."
    elif was_gathered(measurement):
        yield BUFFERED
    if measurement.first_event_seconds > max_first_event_seconds:
        yield (
            f"The first event took {measurement.first_event_seconds:.1f} s, more than {max_first_event_seconds:g} s. "
            "A second try tells a cold start from a slow model."
        )


def was_gathered(measurement: Measurement) -> bool:
    """At once on a short way; on a long one in some pieces, a round trip apart, each with many events."""
    if measurement.has_length:
        return True
    spread = measurement.total_seconds - measurement.first_event_seconds
    in_few_pieces = len(measurement.arrivals) * EVENTS_IN_A_PIECE <= measurement.events
    at_the_end = spread < ALL_AT_ONCE_SECONDS or (in_few_pieces and spread < measurement.total_seconds / 4)
    return measurement.first_event_seconds > SLOW_SECONDS and at_the_end


def _refusal(measurement: Measurement) -> str:
    """What a status means, and what to do."""
    if measurement.failure:
        return measurement.failure
    if not _is_anthropic(measurement.body):
        if measurement.status == 403:
            return FORBIDDEN
        if measurement.status in (500, 502):
            return f"{measurement.status}. {CRASHED}"
    text = f"{measurement.status}: {_message(measurement.body)}"
    if measurement.status == 401:
        return f"{text} The key that was sent is not in the gateway's secret (docs/keys.md)."
    return text


def _is_anthropic(body: bytes) -> bool:
    try:
        error = json.loads(body)
    except ValueError:
        return False
    return isinstance(error, dict) and error.get("type") == "error"


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])[:SHOWN_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return body[:SHOWN_CHARACTERS].decode("utf-8", "replace")


def report(measurements: Sequence[Measurement], problems: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        answers = [each.summary() for each in measurements]
        print(json.dumps({"good": not problems, "problems": list(problems), "answers": answers}, indent=2))
        return
    for number, measurement in enumerate(measurements, start=1):
        found = measurement.summary()
        print(
            f"answer {number}: first event after {found['first_event_ms']} ms, gaps p50 {found['gap_p50_ms']} p95 "
            f"{found['gap_p95_ms']} max {found['gap_max_ms']} ms, {found['events']} events and "
            f"{found['output_tokens']} tokens in {found['total_ms']} ms"
        )
    for problem in problems:
        print(f"BAD: {problem}")
    if not problems:
        print("good: it streams")
