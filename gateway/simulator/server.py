"""The server: one loopback port for Bedrock Runtime, Bedrock's profiles and Secrets Manager. Any signature will do."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4
from weakref import WeakSet

import orjson
from aiohttp import web

from gateway.simulator.bedrock import Bedrock, identify
from gateway.simulator.control_plane import PROFILE_OPERATIONS, ControlPlane, identify_profile_call
from gateway.simulator.exchanges import Exchange, ExchangeLog, Outcome
from gateway.simulator.inference_profiles import InferenceProfile
from gateway.simulator.options import DEFAULT_OPTIONS, SimulatorOptions
from gateway.simulator.refusals import Refusal, json_response, refusal_response
from gateway.simulator.secrets_manager import TARGET_PREFIX, SimulatedSecret

if TYPE_CHECKING:
    from gateway.simulator.troubles import Trouble

# Bedrock takes 25,000,000 bytes (CountTokens in the service model; Claude's own limit is 20 MB).
MAX_BODY_BYTES: Final = 25_000_000
# Open answers are cancelled before the runner is asked to stop, so it has nothing to wait for.
SHUTDOWN_SECONDS: Final = 0.1
UNKNOWN_OPERATION: Final = "unknown"
TARGET_HEADER: Final = "X-Amz-Target"


class Simulator:
    """A running simulator; `open_simulator` makes one."""

    def __init__(self, options: SimulatorOptions, clock: Callable[[], float]) -> None:
        self.host = ""
        self.port = 0
        self._log = ExchangeLog()
        self._secret = SimulatedSecret(options.secret_name, options.secret_string)
        self._control_plane = ControlPlane()
        self._bedrock = Bedrock(options.tokens_per_second, clock, self._control_plane)
        self.troubles: dict[str, Trouble] = {}
        """What lies in the way of an operation, by its name: `CountTokens`, `ListInferenceProfiles`, ..."""
        self._answering: dict[asyncio.Task[Any], Exchange] = {}
        self._connections: WeakSet[asyncio.Transport] = WeakSet()
        self.connections_accepted = 0

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def exchanges(self) -> deque[Exchange]:
        """The latest exchanges, oldest first."""
        return self._log.exchanges

    @property
    def open_exchanges(self) -> int:
        return self._log.open_count

    @property
    def secret_string(self) -> str:
        return self._secret.string

    @secret_string.setter
    def secret_string(self, value: str) -> None:
        """A rotation: the value so far becomes AWSPREVIOUS."""
        self._secret.string = value

    @property
    def profiles(self) -> list[InferenceProfile]:
        """The inference profiles there are; may be changed in place."""
        return self._control_plane.profiles

    @property
    def refused_betas(self) -> set[str]:
        """Betas that this Region refuses although the model takes them elsewhere; may be changed in place."""
        return self._bedrock.refused_betas

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Looks again whenever an exchange has begun or ended."""
        await self._log.wait_until(condition)

    async def wait_until_idle(self) -> None:
        await self.wait_until(lambda: self.open_exchanges == 0)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One exchange from its first to its last byte, and what became of it."""
        self._count_connection(request)
        request_id = str(uuid4())
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return refusal_response(Refusal("RequestEntityTooLargeException", "Request body is too large."), request_id)
        exchange = _begin(request, raw)
        self._log.open(exchange)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy: a handler runs in a task
        self._answering[task] = exchange
        try:
            response = await self._answer(request, exchange, request_id)
            await _send(request, response, exchange)
            self._log.finish(exchange, _outcome(exchange))
        except asyncio.CancelledError:
            self._log.finish(exchange, "faulted" if exchange.ended_by_simulator else "client_gone")
            raise
        except ConnectionError:
            self._log.finish(exchange, "client_gone")
            return web.Response()
        finally:
            del self._answering[task]
            # Has an outcome by now, unless the simulator itself is at fault.
            self._log.finish(exchange, "faulted")
        return response

    def _count_connection(self, request: web.Request) -> None:
        """Those on which a request came; a request on a kept connection counts nothing."""
        if request.transport is not None and request.transport not in self._connections:
            self._connections.add(request.transport)
            self.connections_accepted += 1

    def drop_open_answers(self) -> None:
        for task, exchange in self._answering.items():
            exchange.ended_by_simulator = True
            task.cancel()

    async def _answer(self, request: web.Request, exchange: Exchange, request_id: str) -> web.StreamResponse:
        """Troubles come first: a service that is down does not read what it is sent."""
        operation = exchange.operation
        try:
            if operation in self.troubles:
                await self.troubles[operation].meet()
            if operation in PROFILE_OPERATIONS:
                found = self._control_plane.answer(operation, exchange.model_id, exchange.query)
                return json_response(found, headers={"x-amzn-RequestId": request_id})
            if exchange.model_id is not None:
                return await self._bedrock.answer(request, exchange, request_id)
        except Refusal as refusal:
            of_the_secret = TARGET_HEADER in request.headers
            return self._secret.refuse(refusal) if of_the_secret else refusal_response(refusal, request_id)
        if operation != UNKNOWN_OPERATION:
            return self._secret.answer(operation, exchange.body)
        unknown = Refusal("UnknownOperationException", f"{request.method} {request.path} is not simulated.")
        return refusal_response(unknown, request_id)


def _begin(request: web.Request, raw: bytes) -> Exchange:
    target = request.headers.get(TARGET_HEADER, "")
    path = request.rel_url.raw_path
    operation, model_id = (
        identify(request.method, path) or identify_profile_call(request.method, path) or (UNKNOWN_OPERATION, None)
    )
    if target.startswith(TARGET_PREFIX):
        operation, model_id = target.removeprefix(TARGET_PREFIX), None
    return Exchange(
        operation=operation,
        model_id=model_id,
        body=_parse(raw),
        headers={name.lower(): value for name, value in request.headers.items()},
        started=asyncio.get_running_loop().time(),
        body_bytes=len(raw),
        query=dict(request.query),
    )


def _parse(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


async def _send(request: web.Request, response: web.StreamResponse, exchange: Exchange) -> None:
    """Nothing is left to send of an answer that was streamed."""
    exchange.status = response.status
    await response.prepare(request)
    await response.write_eof()


def _outcome(exchange: Exchange) -> Outcome:
    if exchange.damaged:
        return "faulted"
    return "complete" if exchange.status is not None and exchange.status < 400 else "refused"


@asynccontextmanager
async def open_simulator(
    options: SimulatorOptions = DEFAULT_OPTIONS,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Simulator]:
    """Serves while the context is open; port 0 takes a free one. `clock` ages the prompt cache. Raises `OSError`."""
    simulator = Simulator(options, clock)
    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_route("*", "/{path:.*}", simulator.handle)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        simulator.host, simulator.port = host, runner.addresses[0][1]
        yield simulator
    finally:
        simulator.drop_open_answers()
        await runner.cleanup()
