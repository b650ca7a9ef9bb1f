"""The canary: no key, right or wrong, in what a gateway writes or answers, whatever goes wrong and at any log level.

All keys here have the canary's name in them, so that a part of one is found too.
"""

import asyncio
import base64
import io
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from hashlib import sha256
from typing import Any, Final
from unittest import mock

import aiohttp
from aiohttp import web

from gateway.access import gatekeeper_for
from gateway.app import build_app, make_runner, stop
from gateway.intake import GATEKEEPER
from gateway.secret_store import SecretVersion
from gateway.settings import Settings
from gateway.simulator import Refusal, Simulator, SimulatorOptions, Trouble, open_simulator
from tests.faults.key_door import OPERATION, single
from tests.faults.raw_http import LAST, exchange
from tests.server.test_serve import process
from tests.support.gateway import asking, aws_environment

CANARY: Final = "cAnArY"
RIGHT: Final = f"ck_{CANARY}-the-right-one"
PREVIOUS: Final = f"ck_{CANARY}-the-previous-one"
EXPIRED: Final = f"ck_{CANARY}-the-expired-one"
WRONG: Final = f"ck_{CANARY}-a-wrong-one"
KEYS: Final = (RIGHT, PREVIOUS, EXPIRED, WRONG)
WITH_AN_EXPIRED_ONE: Final = json.dumps(
    {"api_keys": [{"name": "right", "key": RIGHT}, {"name": "old", "key": EXPIRED, "expires": "2020-01-01"}]}
)
# Keys at places where no key belongs.
MALFORMED: Final = (
    RIGHT,
    json.dumps(RIGHT),
    json.dumps({RIGHT: 1}),
    json.dumps({"api_key": f"{RIGHT} with blanks"}),
    json.dumps({"api_key": [RIGHT]}),
    json.dumps({"api_keys": [RIGHT, {"name": WRONG, "key": ""}, {"key": RIGHT, "expires": WRONG}]}),
    json.dumps({"api_keys": [{"key": RIGHT, "models": WRONG}, {"key_sha256": WRONG}]}),
    single(RIGHT)[:-3],
)
USABLE_WITH_MISTAKES: Final = json.dumps(
    {"api_keys": [{"key": RIGHT, WRONG: 1, "budget": WRONG}, {"name": WRONG, "key": f"{WRONG} blank"}], WRONG: RIGHT}
)
LET_IN: Final = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {RIGHT}\r\n"
# Bytes that are no request, or none that is let in, with a key in them.
RAW: Final = (
    f"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: {WRONG}\x01\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key {WRONG}\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: {'x' * 20_000}{WRONG}\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nhost: x\r\n{WRONG}: {'x' * 20_000}\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {WRONG}\r\ncontent-length: {WRONG}\r\n\r\n",
    f"GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Basic {WRONG}\r\ncontent-length: 5\r\n\r\n",
    f"GET /v1/models?api_key={WRONG} HTTP/1.1\r\nhost: x\r\n\r\n",
    f"GET /v1/models?api_key={RIGHT} HTTP/1.1\r\nhost: x\r\nx-api-key: {RIGHT}\r\ncookie: {WRONG}=\x02\r\n\r\n",
    f"{WRONG} /v1/models HTTP/1.1\r\nhost: x\r\n\r\n",
    f"GET /v1/models {WRONG}\r\nhost: x\r\n\r\n",
    f"{LET_IN}content-type: {WRONG}\r\ncontent-length: 3\r\n\r\n{{x}}",
    f"{LET_IN}content-encoding: {WRONG}\r\ncontent-length: 2\r\n\r\n{{}}",
    f"{LET_IN}transfer-encoding: chunked\r\n\r\nzz{WRONG}\r\n",
)


def assert_no_key_in(text: str) -> None:
    assert CANARY.lower() not in text.lower()
    for key in KEYS:
        assert sha256(key.encode()).hexdigest() not in text
        assert base64.b64encode(key.encode()).decode().rstrip("=") not in text


class Serving:
    """A `serve` process with everything it has written since it began, and everything that it answered."""

    def __init__(self, url: str, simulator: Simulator) -> None:
        self.url = url
        self.simulator = simulator
        self.written = ""
        self.answered = ""

    async def knock(self, body: dict[str, Any] | None = None, **headers: str) -> int:
        """`GET /v1/models`, or `POST /v1/messages` with this body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                "GET" if body is None else "POST",
                f"{self.url}/v1/{'models?limit=1' if body is None else 'messages'}",
                headers=sent,
                json=body,
            ) as response,
        ):
            self.answered += f"{response.headers}\n{await response.text()}\n"
            return response.status

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written.splitlines() if line.startswith("{")]


@asynccontextmanager
async def serving(secret_string: str = single(PREVIOUS)) -> AsyncIterator[Serving]:
    """At its end the process has been told to stop, and `written` is whole."""
    options = SimulatorOptions(tokens_per_second=0, secret_string=secret_string)
    async with open_simulator(options) as simulator:
        # Every change of the secret is looked at in the next request.
        variables = {"LOG_LEVEL": "DEBUG", "CHATRIX_SECRET_TTL_SECONDS": "0", **aws_environment(simulator.url)}
        async with process("serve", **variables) as (running, url, lines):
            served = Serving(url, simulator)
            assert running.stdout is not None
            reading = asyncio.create_task(running.stdout.read())
            yield served
            running.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await running.wait() == 0
                served.written = "".join(lines) + (await reading).decode()


async def play_keys(served: Serving) -> None:
    """Right, previous, expired, wrong, slowed, in every header."""
    assert await served.knock(x_api_key=PREVIOUS) == 200
    served.simulator.secret_string = single(RIGHT)
    assert [await served.knock(x_api_key=key) for key in (RIGHT, PREVIOUS, WRONG)] == [200, 200, 401]
    served.simulator.secret_string = WITH_AN_EXPIRED_ONE
    assert await served.knock(x_api_key=WRONG, authorization=f"Bearer {RIGHT}") == 200
    assert await served.knock(x_api_key=EXPIRED) == 401
    assert await served.knock(authorization=f"Basic {RIGHT}") == 401
    assert await served.knock(x_api_key=f"{WRONG}é") == 401
    assert {await served.knock(x_api_key=f"{WRONG}-{number}") for number in range(20)} == {401, 429}


async def play_troubles(served: Serving) -> None:
    """Of Secrets Manager, of the secret's text, and of Bedrock."""
    for code in ("AccessDeniedException", "DecryptionFailure", "ThrottlingException", "SomethingNew"):
        served.simulator.troubles[OPERATION] = Trouble(Refusal(code))
        assert await served.knock(x_api_key=RIGHT) == 200
        await served.knock(x_api_key=WRONG)
    served.simulator.troubles.clear()
    for text in (*MALFORMED, USABLE_WITH_MISTAKES):
        served.simulator.secret_string = text
        await served.knock(x_api_key=RIGHT)
        await served.knock(x_api_key=WRONG)
    for script in (
        "[[say:hello]]",
        "[[error:InternalServerException]]",
        "[[reset]]",
        "[[html]]",
        "[[crc]]",
        "[[cut:fin]]",
    ):
        await served.knock(asking(script, stream=True), x_api_key=RIGHT, anthropic_beta="made-up-2026-01-01")


async def test_no_key_is_ever_written_or_answered() -> None:
    async with serving() as served:
        await play_keys(served)
        await play_troubles(served)
        for sent in RAW:
            served.answered += (await exchange(served.url, sent.encode() + LAST)).decode("latin-1")
    assert_no_key_in(served.written)
    assert_no_key_in(served.answered)
    assert "Traceback" not in served.written
    faults = {line.get("fault") for line in served.lines()}
    assert {"key_refused", "guessing"} <= faults
    assert any("left out of the key secret" in line["message"] for line in served.lines())
    assert any("is unreadable" in line["message"] for line in served.lines())


async def test_no_key_is_written_by_a_gateway_that_starts_with_a_broken_secret() -> None:
    async with serving(MALFORMED[0]) as served:
        for text in MALFORMED:
            served.simulator.secret_string = text
            assert await served.knock(x_api_key=RIGHT) == 500
    assert_no_key_in(served.written)
    assert_no_key_in(served.answered)
    assert [line["fault"] for line in served.lines() if line["message"] == "request"] == ["secret"] * len(MALFORMED)


class BrokenReader:
    """A mistake of ours in the middle of everything, with keys in its message and in its variables."""

    async def prepare(self) -> None:
        """It needs nothing."""

    async def read(self, stage: str) -> SecretVersion | None:
        secret = single(RIGHT)
        raise RuntimeError(f"{stage} {secret}")


@asynccontextmanager
async def failing_gateway(simulator: Simulator) -> AsyncIterator[str]:
    """The whole application at its most talkative level, with a reader of keys that fails as nothing should."""
    settings = Settings(log_level="DEBUG")

    async def break_keys(app: web.Application) -> AsyncIterator[None]:
        app[GATEKEEPER] = gatekeeper_for(BrokenReader(), settings)
        yield

    with mock.patch.dict(os.environ, aws_environment(simulator.url)):
        app = build_app(settings)
        app.cleanup_ctx.append(break_keys)
        runner = make_runner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await stop(runner, grace_seconds=0)


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """What the application's logger writes meanwhile, at every level.

    Its stream and its level were chosen when the first test of this process made it.
    """
    written = io.StringIO()
    logger = logging.getLogger("chatrix")
    (handler,) = [each for each in logger.handlers if isinstance(each, logging.StreamHandler)]
    before, level = handler.setStream(written), logger.level
    logger.setLevel(logging.DEBUG)
    try:
        # The lines of requests go past the logger.
        with redirect_stdout(written):
            yield written
    finally:
        logger.setLevel(level)
        handler.setStream(before)


async def test_an_unexpected_failure_is_traced_without_the_keys_that_were_in_it() -> None:
    async with open_simulator(SimulatorOptions()) as simulator, failing_gateway(simulator) as url:
        with captured_log() as written:
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{url}/v1/models", headers={"x-api-key": RIGHT}) as response:
                    answer = await response.json()
                    assert response.status == 500
    (line,) = [json.loads(each) for each in written.getvalue().splitlines()]
    assert line["trace"][0] == "RuntimeError"
    assert any("secret_store.py" in place for place in line["trace"])
    assert answer["error"]["type"] == "api_error"
    assert_no_key_in(written.getvalue())
    assert_no_key_in(json.dumps(answer))
