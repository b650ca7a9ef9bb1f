"""`chatrix smoke`: what it takes for good, and what it finds. Real processes against real, and wrong, servers."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.commands.smoke import KEY_VARIABLES, Measurement, base_of, problems_of
from tests.support.gateway import Gateway

ROOT = Path(__file__).parents[2]
# Some 0.8 s, so that an answer that came at once is seen to have been held back.
DRIP = "[[drip:8 0.1]]"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    output: str
    errors: str


async def smoke(url: str, *options: str, key: str | None, prompt: str = DRIP) -> Outcome:
    variables = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "smoke", url, "--prompt", prompt, *options),
        cwd=ROOT,
        env=variables | ({"CHATRIX_API_KEY": key} if key else {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await running.communicate()
    assert running.returncode is not None
    assert key is None or key not in (output + errors).decode(), "a key is never printed"
    return Outcome(running.returncode, output.decode(), errors.decode())


@asynccontextmanager
async def front(handler: Handler) -> AsyncIterator[str]:
    """A server that is not the gateway."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def passing_on(gateway: Gateway, *, before: bytes = b"") -> Handler:
    """A proxy that gathers the answer, as a buffered URL does."""

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {"x-api-key": request.headers["x-api-key"]}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, gateway.url + request.path, data=request.content, headers=headers
            ) as answer,
        ):
            body = await answer.read()
            prefix = before if answer.content_type == "text/event-stream" else b""
            return web.Response(body=prefix + body, status=answer.status, content_type=answer.content_type)

    return handle


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_a_gateway_that_streams_is_good_whatever_the_urls_end(gateway: Gateway, ending: str) -> None:
    outcome = await smoke(gateway.url + ending, key=gateway.key)
    assert outcome.code == 0, outcome.output
    assert outcome.output.count("first event after") == 2
    assert outcome.output.endswith("good: it streams\n")


async def test_the_measured_times_are_those_of_the_events(gateway: Gateway) -> None:
    outcome = await smoke(gateway.url, "--json", "--count", "1", key=gateway.key, prompt="[[slow:0.4]][[drip:8 0.1]]")
    found = json.loads(outcome.output)
    assert (found["good"], found["problems"]) == (True, [])
    (answer,) = found["answers"]
    assert 60 <= answer["gap_p50_ms"] <= 200
    assert 800 <= answer["total_ms"] <= 3000
    assert answer["events"] >= 12
    assert answer["output_tokens"] > 0


async def test_an_answer_that_was_gathered_is_bad(gateway: Gateway) -> None:
    async with front(passing_on(gateway)) as url:
        outcome = await smoke(url, key=gateway.key)
    assert outcome.code == 1
    assert "RESPONSE_STREAM" in outcome.output


async def test_an_answer_that_was_gathered_and_then_sent_in_pieces_is_bad(gateway: Gateway) -> None:
    """Over a long way what was gathered arrives in pieces, a round trip apart."""
    inner = passing_on(gateway)

    async def in_pieces(request: web.Request) -> web.StreamResponse:
        whole = await inner(request)
        assert isinstance(whole, web.Response)
        if whole.content_type != "text/event-stream":
            return whole
        assert isinstance(whole.body, bytes)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        size = len(whole.body) // 3 + 1
        for start in range(0, len(whole.body), size):
            await response.write(whole.body[start : start + size])
            await asyncio.sleep(0.06)
        return response

    async with front(in_pieces) as url:
        outcome = await smoke(url, key=gateway.key, prompt="[[drip:20 0.05]]")
    assert outcome.code == 1
    assert "RESPONSE_STREAM" in outcome.output


async def test_the_adapters_prelude_in_the_body_is_bad(gateway: Gateway) -> None:
    async with front(passing_on(gateway, before=b'{"statusCode":200}' + b"\0" * 8)) as url:
        outcome = await smoke(url, key=gateway.key)
    assert outcome.code == 1
    assert "NULs" in outcome.output


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            {"Message": "Forbidden. For troubleshooting Function URL authorization issues, see ..."},
            "InvokeFunction",
        ),
        (502, {"Message": "Internal Server Error"}, "its log says why"),
        (302, {}, "302"),
    ],
)
async def test_what_the_url_itself_answers_is_explained(status: int, body: object, said: str) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers={"location": "http://127.0.0.1:1/"})

    async with front(refuse) as url:
        outcome = await smoke(url, key="ck_a_key_of_twenty_characters")
    assert outcome.code == 1
    assert said in outcome.output


async def test_a_server_that_quotes_the_key_does_not_get_it_printed() -> None:
    async def quote(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text=f"no such path for {request.headers['x-api-key']}")

    async with front(quote) as url:
        outcome = await smoke(url, key="ck_a_key_of_twenty_characters")
    assert outcome.code == 1
    assert "(the key)" in outcome.output


async def test_a_key_that_is_not_known_is_bad(gateway: Gateway) -> None:
    outcome = await smoke(gateway.url, key="ck_a_key_that_nobody_knows")
    assert outcome.code == 1
    assert "docs/keys.md" in outcome.output


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("[[say:some words]][[cut]]", "ended in an error"),
        ("[[throttle:1]]", "429"),
        ("[[error:AccessDeniedException no]]", "403"),
    ],
)
async def test_an_answer_that_breaks_or_is_refused_is_bad(gateway: Gateway, prompt: str, said: str) -> None:
    outcome = await smoke(gateway.url, key=gateway.key, prompt=prompt)
    assert outcome.code == 1
    assert said in outcome.output


def test_a_late_start_of_an_answer_that_streams_is_not_taken_for_a_gathered_one() -> None:
    body = b"event: message_start\ndata: {}\n\nevent: message_stop\ndata: {}\n\n"
    streamed = Measurement(200, "text/event-stream", body, [2.0, 2.03, 2.06])
    assert list(problems_of(streamed, 30)) == []
    assert len(list(problems_of(Measurement(200, "text/event-stream", body, [2.0, 2.01]), 30))) == 1


async def test_a_late_first_event_is_bad(gateway: Gateway) -> None:
    outcome = await smoke(
        gateway.url, "--max-first-event-seconds", "0.3", key=gateway.key, prompt="[[delay:0.6]][[drip:8 0.1]]"
    )
    assert outcome.code == 1
    assert "more than 0.3 s" in outcome.output


async def test_nobody_there_is_bad() -> None:
    assert "Nothing can be reached" in (await smoke("http://127.0.0.1:1", key="ck_a_key_of_twenty_characters")).output


async def test_without_a_key_or_a_url_it_says_what_is_missing() -> None:
    keyless = await smoke("http://127.0.0.1:1", key=None)
    assert (keyless.code, "CHATRIX_API_KEY" in keyless.errors) == (2, True)
    for url in ("127.0.0.1", "ftp://127.0.0.1", "http://127.0.0.1:99999", "https://"):
        assert (await smoke(url, key="ck_a_key_of_twenty_characters")).code == 2
    assert (await smoke("http://127.0.0.1:1", "--count", "0", key="ck_a_key_of_twenty_characters")).code == 2


async def test_white_space_around_a_key_is_not_part_of_it(gateway: Gateway) -> None:
    assert (await smoke(gateway.url, "--count", "1", key=f"{gateway.key}\n")).code == 0


def test_a_stream_without_its_end_is_bad() -> None:
    body = b'event: message_start\ndata: {"type":"message_start"}\n\n'
    (problem,) = problems_of(Measurement(200, "text/event-stream", body, [0.1, 0.4]), 30)
    assert "message_stop" in problem


@pytest.mark.parametrize(
    "url", ["https://x.on.aws", "https://x.on.aws/", "https://x.on.aws/v1", "https://x.on.aws/v1//"]
)
def test_the_base_of_a_url(url: str) -> None:
    assert base_of(url) == "https://x.on.aws"
