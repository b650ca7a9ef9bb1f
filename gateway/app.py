"""The application: what lives as long as the process, and how it is served."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from aiobotocore.session import get_session
from aiohttp import web

from gateway.access import Admission, gatekeeper_for
from gateway.connections import SERVER_NAME, ConnectionLimits, Runner
from gateway.counting import TokenCounter
from gateway.ending import STOPPING, Stopping
from gateway.handlers import ADMISSION, BEDROCK, COUNTER, dispatch, route_of
from gateway.intake import GATEKEEPER, expect_nothing
from gateway.logs import HTTP_LOGGER, make_logger
from gateway.middleware import COLD_START, LOGGER, ROUTE_OF, SETTINGS, ColdStart, request_boundary
from gateway.protocol.calibration import Calibration
from gateway.protocol.errors import ApiError
from gateway.resolving import RESOLVER, model_resolver
from gateway.rounds import Rounds
from gateway.secret_store import open_secrets_reader
from gateway.settings import Settings
from gateway.streaming import PING_ROUNDS
from gateway.upstreams.bedrock import open_bedrock
from gateway.upstreams.counting import TokenCounting
from gateway.upstreams.inference_profiles import open_inference_profiles

# Claude Code's headers take 2 KiB; what sits in front of us adds some.
MAX_HEADER_BYTES: Final = 16 * 1024
# How long the rest of a refused upload is read on, so that its sender sees the answer.
LINGERING_SECONDS: Final = 2.0
# How long handlers may take to say goodbye once they have been told to stop.
SETTLE_SECONDS: Final = 1.0


def build_app(settings: Settings) -> web.Application:
    app = web.Application(middlewares=[request_boundary])
    app[SETTINGS] = settings
    app[LOGGER] = make_logger(settings.log_level)
    app[COLD_START] = ColdStart()
    app[ROUTE_OF] = route_of
    app[ADMISSION] = Admission(settings.max_streams, settings.max_bodies_bytes)
    app[STOPPING] = Stopping()
    app[PING_ROUNDS] = Rounds(min(settings.ping_seconds, settings.commit_seconds or settings.ping_seconds))
    app.cleanup_ctx.append(aws_clients)
    app.on_response_prepare.append(name_server)
    app.router.add_route("*", "/{path:.*}", dispatch, expect_handler=expect_nothing)
    return app


async def name_server(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["server"] = SERVER_NAME


async def aws_clients(app: web.Application) -> AsyncIterator[None]:
    """The clients that requests need, and the keys: at start, so that no request waits for them."""
    settings = app[SETTINGS]
    session = get_session()
    async with (
        open_bedrock(session, settings) as bedrock,
        open_secrets_reader(session, settings) as reader,
        open_inference_profiles(session, settings) as profiles,
    ):
        app[BEDROCK] = bedrock
        app[RESOLVER] = model_resolver(settings, profiles)
        app[COUNTER] = TokenCounter(TokenCounting(bedrock.client, bedrock.credentials), Calibration())
        app[GATEKEEPER] = gatekeeper_for(reader, settings)
        # A gateway without them starts all the same: its log says why, and requests have them read again.
        with suppress(ApiError):
            await app[GATEKEEPER].warm()
        yield


def make_runner(app: web.Application) -> Runner:
    """The runner that `serve` uses, and every test that is about connections."""
    settings = app[SETTINGS]
    return Runner(
        app,
        ConnectionLimits(settings.max_connections, round(settings.send_timeout_seconds * 1000)),
        # Off by default since aiohttp 3.7: without it the model would go on, and be billed, after its reader has left.
        handler_cancellation=True,
        # A compressed body is refused, never inflated: no bombs.
        auto_decompress=False,
        keepalive_timeout=settings.keepalive_seconds,
        shutdown_timeout=SETTLE_SECONDS,
        lingering_time=LINGERING_SECONDS,
        access_log=None,
        logger=logging.getLogger(HTTP_LOGGER),
        max_field_size=MAX_HEADER_BYTES,
    )


async def stop(runner: Runner, grace_seconds: float) -> None:
    """Takes no new work; gives open requests `grace_seconds` to end, and open streams then an `error` event."""
    for site in runner.sites:
        await site.stop()
    app = runner.app
    app[ADMISSION].close()
    with suppress(TimeoutError):
        async with asyncio.timeout(grace_seconds):
            await runner.wait_idle()
    app[STOPPING].set()
    await runner.cleanup()
