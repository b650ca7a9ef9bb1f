"""The way to Bedrock, where the simulator cannot go: redirects, nobody there, inherited settings."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any
from unittest import mock

import pytest
from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import web

from gateway.app import stop
from gateway.protocol.eventstream import encode_event
from gateway.simulator import Simulator, SimulatorOptions, open_simulator
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway, asking, run_both, run_gateway


@asynccontextmanager
async def server(handler: web.RequestHandler | object) -> AsyncIterator[str]:
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]  # a plain handler
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as running:
        yield running


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_nothing_reaches_the_other_host(simulator: Simulator, status: int) -> None:
    elsewhere: list[str] = []

    async def other(request: web.Request) -> web.Response:
        elsewhere.append(await request.text())
        return web.Response(text="{}")

    async with server(other) as other_url:

        async def redirect(request: web.Request) -> web.Response:
            if "converse" not in request.path:
                raise web.HTTPTemporaryRedirect(simulator.url + request.path_qs)
            return web.Response(status=status, headers={"location": other_url + request.path})

        # Secrets Manager answers itself here: that client, too, must not follow a redirect.
        async with server(redirect) as url, run_gateway_at(simulator, bedrock=url) as gateway:
            async with gateway.post(asking("a secret prompt", stream=True)) as response:
                assert response.status == 500
                assert "redirect" in (await response.json())["error"]["message"]
    assert elsewhere == []


@asynccontextmanager
async def run_gateway_at(simulator: Simulator, *, bedrock: str, **settings: float) -> AsyncIterator[Gateway]:
    """Keys from the simulator, answers from `bedrock`."""
    async with run_gateway(simulator, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock, **settings) as gateway:
        yield gateway


def test_the_private_method_that_refuses_redirects_still_exists() -> None:
    assert asyncio.iscoroutinefunction(AIOHTTPSession._get_session)


async def test_nobody_there_is_a_529_that_names_no_host(simulator: Simulator) -> None:
    async with run_gateway_at(simulator, bedrock="http://127.0.0.1:9") as gateway:
        async with gateway.post(asking("hello")) as response:
            error = (await response.json())["error"]
            assert (response.status, error["type"]) == (529, "overloaded_error")
            assert "127.0.0.1" not in error["message"]


async def test_a_dead_bedrock_comes_back_by_itself(simulator: Simulator) -> None:
    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async with server(broken) as url, run_gateway_at(simulator, bedrock=url) as gateway:
        async with gateway.post(asking("hello")) as response:
            assert response.status == 529


async def test_an_inherited_bearer_token_does_not_outrank_the_role(simulator: Simulator) -> None:
    with mock.patch.dict("os.environ", {"AWS_BEARER_TOKEN_BEDROCK": "inherited"}):
        async with run_gateway(simulator) as gateway, gateway.post(asking("hello")) as response:
            assert response.status == 200
    (exchange,) = [exchange for exchange in simulator.exchanges if exchange.operation == "ConverseStream"]
    assert exchange.headers["authorization"].startswith("AWS4-HMAC-SHA256")


async def test_missing_credentials_are_a_500_and_never_a_401(simulator: Simulator) -> None:
    async with run_gateway(simulator, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None) as gateway:
        async with gateway.post(asking("hello")) as response:
            assert response.status == 500
            assert (await response.json())["error"]["type"] == "api_error"


async def test_the_body_is_sent_as_it_was_built_and_the_model_is_one_path_segment(simulator: Simulator) -> None:
    async with run_gateway(simulator) as gateway, gateway.post(asking("[[say:ok]]")) as response:
        assert response.status == 200
    (exchange,) = [exchange for exchange in simulator.exchanges if exchange.operation == "ConverseStream"]
    assert exchange.model_id == "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert exchange.headers["content-type"] == "application/json"
    assert exchange.body["messages"] == [{"role": "user", "content": [{"text": "[[say:ok]]"}]}]
    assert "chatrixBody" not in json.dumps(exchange.body)


async def test_what_would_be_paid_twice_or_in_vain_is_not_sent_again(simulator: Simulator) -> None:
    async with run_gateway(simulator) as gateway:
        for marker in (
            "[[cut]]",
            "[[cut:boundary]]",
            "[[firstexc:InternalServerException]]",
            "[[error:ThrottlingException x]]",
            "[[error:ValidationException x]]",
            "[[error:AccessDeniedException x]]",
            "[[error:ModelTimeoutException x]]",
            "[[error:ModelErrorException x]]",
            "[[status:504]]",
        ):
            before = len(simulator.exchanges)
            async with gateway.post(asking(marker, stream=True)) as response:
                await response.read()
            calls = [exchange.operation for exchange in list(simulator.exchanges)[before:]]
            assert calls.count("ConverseStream") == 1


@pytest.mark.parametrize("failure", ["fail:1 InternalServerException x", "fail:1 ServiceUnavailableException x"])
async def test_what_bedrock_failed_to_answer_is_asked_once_more(simulator: Simulator, failure: str) -> None:
    async with run_gateway(simulator) as gateway:
        before = len(gateway.calls())
        async with gateway.post(asking(f"[[{failure}]][[say:ok]]")) as response:
            assert (await response.json())["content"] == [{"type": "text", "text": "ok"}]
        assert len(gateway.calls()) - before == 2


async def test_a_cut_before_the_answer_costs_one_more_call_and_no_outage_doubles_the_load() -> None:
    """A pooled connection may have died unseen. But where all calls are cut, ten retries in all are enough."""
    async with run_both() as gateway:
        for request in range(12):
            before = len(gateway.calls())
            async with gateway.post(asking("[[reset]]", stream=True)) as response:
                assert response.status == 529
                assert (await response.json())["error"]["type"] == "overloaded_error"
            assert len(gateway.calls()) - before == (2 if request < 10 else 1)
        # Ten answers earn one retry.
        for _ in range(11):
            async with gateway.post(asking("[[say:ok]]")) as response:
                assert response.status == 200
        before = len(gateway.calls())
        async with gateway.post(asking("[[reset]]")) as response:
            assert response.status == 529
        assert len(gateway.calls()) - before == 2


@asynccontextmanager
async def raw_server(sent: bytes, *, hold: bool, asked: list[None] | None = None) -> AsyncIterator[str]:
    """Sends `sent` whatever it is asked; with `hold` it then waits for the client to close. `asked`: once a call."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asked is not None:
            asked.append(None)
        writer.write(sent)
        if hold:
            await reader.read()
        writer.close()
        ended.set()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(5):
            await ended.wait()


async def test_an_error_whose_body_is_cut_is_a_529_and_not_a_bug(simulator: Simulator) -> None:
    head = b"HTTP/1.1 429 x\r\nx-amzn-errortype: ThrottlingException\r\ncontent-length: 100\r\n\r\n"
    asked: list[None] = []
    async with (
        raw_server(head + b'{"mess', hold=False, asked=asked) as url,
        run_gateway_at(simulator, bedrock=url) as gateway,
    ):
        async with gateway.post(asking("hello")) as response:
            assert response.status == 529
            assert (await response.json())["error"]["type"] == "overloaded_error"
    # Bedrock had begun to answer, and its answer was no.
    assert len(asked) == 1


async def test_an_endpoint_that_does_not_accept_is_asked_once_and_out_of_reach(simulator: Simulator) -> None:
    """A connection that was never there has not been cut: to wait a second time would double the wait."""
    with full_listener() as url:
        async with run_gateway_at(simulator, bedrock=url, connect_timeout_seconds=1.0) as gateway:
            began = time.monotonic()
            async with gateway.post(asking("hello")) as response:
                assert response.status == 529
                assert "cannot be reached" in (await response.json())["error"]["message"]
            assert 0.9 < time.monotonic() - began < 1.9


async def test_the_limit_of_connecting_covers_the_look_up_of_the_name(simulator: Simulator) -> None:
    look_up = socket.getaddrinfo

    def slow(host: str | bytes | None, *rest: Any, **named: Any) -> Any:
        if host not in ("bedrock.test", b"bedrock.test"):
            return look_up(host, *rest, **named)
        time.sleep(3)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with mock.patch("socket.getaddrinfo", slow):
        url = "http://bedrock.test"
        async with run_gateway_at(simulator, bedrock=url, connect_timeout_seconds=1.0) as gateway:
            began = time.monotonic()
            async with gateway.post(asking("hello")) as response:
                assert response.status == 529
                assert "cannot be reached" in (await response.json())["error"]["message"]
            assert 0.9 < time.monotonic() - began < 1.9


@contextmanager
def full_listener() -> Iterator[str]:
    """Its queue of connections is full: the next one is neither accepted nor refused."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            client = sockets.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_damage_behind_good_frames_is_an_error_at_once_and_not_after_a_silence(simulator: Simulator) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ncontent-length: 9999\r\n\r\n"
    good = encode_event("messageStart", b'{"role":"assistant"}')
    good += encode_event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"so far"}}')
    async with raw_server(head + good + bytes(12), hold=True) as url, run_gateway_at(simulator, bedrock=url) as gateway:
        async with asyncio.timeout(5), gateway.post(asking("hello", stream=True)) as response:
            reply = read_stream(await response.read())
    assert reply.text == "so far"
    assert reply.error is not None
    assert "damaged" in reply.error["message"]


async def test_a_whole_answer_stays_whole_when_the_process_ends_right_behind_it(simulator: Simulator) -> None:
    """The body from Bedrock is still open: the stream is whole, and the relay not yet done."""
    events = [
        encode_event("messageStart", b'{"role":"assistant"}'),
        encode_event("messageStop", b'{"stopReason":"end_turn"}'),
        encode_event("metadata", b'{"usage":{"inputTokens":1,"outputTokens":0}}'),
    ]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ncontent-length: 9999\r\n\r\n"
    async with raw_server(head + b"".join(events), hold=True) as url:
        async with run_gateway_at(simulator, bedrock=url) as gateway:
            async with asyncio.timeout(5), gateway.post(asking("hello", stream=True)) as response:
                start = await response.content.readuntil(b"event: message_stop")
                stopping = asyncio.create_task(stop(gateway.runner, grace_seconds=0))
                reply = read_stream(start + await response.read())
                await stopping
    assert reply.whole
    assert reply.error is None


async def test_a_whole_reply_that_the_process_cannot_wait_for_is_a_529(simulator: Simulator) -> None:
    async with run_gateway(simulator) as gateway:

        async def end_it() -> None:
            await simulator.wait_until(lambda: len(gateway.calls()) > 0)
            await stop(gateway.runner, grace_seconds=0.1)

        ending = asyncio.create_task(end_it())
        async with asyncio.timeout(5), gateway.post(asking("[[say:a]][[silence:30]]")) as response:
            assert response.status == 529
            assert (await response.json())["error"]["type"] == "overloaded_error"
        await ending
