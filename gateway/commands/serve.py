"""`serve`: the gateway in the foreground, until SIGTERM or Ctrl-C.

With `--simulate` a Bedrock simulator runs in the same process and the AWS variables point at it, so that the path of a
request is the same as in production.
"""

import argparse
import asyncio
import errno
import gc
import os
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from aiohttp import web
from botocore.exceptions import BotoCoreError
from msgspec.structs import replace

from gateway import __version__
from gateway.app import build_app, make_runner, stop
from gateway.commands import tokens_per_second
from gateway.limits import log_limits, plan_limits
from gateway.logs import log_libraries, log_loop_failures, make_logger
from gateway.settings import Settings, SettingsError
from gateway.startup import UnsafeStartError, check_start

if TYPE_CHECKING:
    from gateway.simulator import Simulator

USAGE_ERROR: Final = 2
REGION_VARIABLES: Final = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION"})
CANNOT_LISTEN: Final = 1
# At the keyboard nobody wants to wait for streams to end; SIGTERM, which a platform sends, gives them their time.
INTERRUPT_GRACE_SECONDS: Final = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--simulate", action="store_true", help="answer from the embedded Bedrock simulator: no AWS account, no cost"
    )
    parser.add_argument(
        "--tokens-per-second",
        type=tokens_per_second,
        default=60.0,
        metavar="N",
        help="how fast the simulator talks (default 60; 0: as fast as it can)",
    )


def run(arguments: argparse.Namespace) -> int:
    if not os.environ.get("AWS_PROFILE", "unset"):
        del os.environ["AWS_PROFILE"]  # set but empty, as containers pass it on; botocore would look for that name
    try:
        settings = Settings.from_env(os.environ)
        warn_of(check_start(settings.allow_unsafe_start), settings)
        return asyncio.run(_serve(settings, arguments))
    except UnsafeStartError as error:
        for sentence in error.sentences:
            print(f"chatrix: {sentence}", file=sys.stderr)
    except SettingsError as error:
        print(f"chatrix: {error}", file=sys.stderr)
    except (BotoCoreError, ValueError) as error:
        # Raised when the clients are made: an unknown profile, a broken file, an endpoint that is no URL.
        print(f"chatrix: the AWS settings cannot be used: {error}", file=sys.stderr)
    return USAGE_ERROR


def warn_of(sentences: Iterable[str], settings: Settings) -> None:
    """To whoever starts it, and to whoever reads the log."""
    logger = make_logger(settings.log_level)
    for sentence in sentences:
        print(f"chatrix: WARNING: {sentence}", file=sys.stderr)
        logger.warning(sentence)


async def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    log_libraries()
    log_loop_failures(asyncio.get_running_loop())
    signals = Signals()
    if not arguments.simulate:
        return await _serve_until_stopped(settings, None, signals)
    from gateway.simulator import SimulatorOptions, open_simulator

    options = SimulatorOptions(tokens_per_second=arguments.tokens_per_second, secret_name=settings.secret_name)
    async with open_simulator(options) as simulator:
        point_aws_at(simulator)
        return await _serve_until_stopped(settings, simulator, signals)


class Signals:
    """The first SIGTERM or SIGINT ends the service in order, the second one at once."""

    def __init__(self) -> None:
        self._first: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)

    async def wait(self) -> signal.Signals:
        return await self._first

    def _on_signal(self, number: signal.Signals) -> None:
        if self._first.done():
            os._exit(128 + number)
        self._first.set_result(number)


async def _serve_until_stopped(settings: Settings, simulator: "Simulator | None", signals: Signals) -> int:
    limits = plan_limits(settings, os.environ)
    settings = replace(settings, max_connections=limits.max_connections, max_bodies_bytes=limits.max_bodies_bytes)
    runner = make_runner(build_app(settings))
    if simulator is None:
        log_limits(limits)
    grace_seconds = settings.grace_seconds
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        # The clients stay as long as the process: no collection needs to look at them.
        gc.freeze()
        # Another port than the setting's when that is 0.
        announce(settings, int(runner.addresses[0][1]), simulator)
        if await signals.wait() == signal.SIGINT:
            grace_seconds = INTERRUPT_GRACE_SECONDS
    except OSError as error:
        hint = " Another port: PORT=4000 make run" if error.errno == errno.EADDRINUSE else ""
        print(f"chatrix: cannot listen on {settings.host}:{settings.port}: {error.strerror}.{hint}", file=sys.stderr)
        return CANNOT_LISTEN
    finally:
        await stop(runner, grace_seconds)
    return 0


def point_aws_at(simulator: "Simulator") -> None:
    """Before any client is made: the simulator's endpoints, worthless credentials, nothing of the user's own AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name not in REGION_VARIABLES]:
        del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL_BEDROCK": simulator.url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": simulator.url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": simulator.url,
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_EC2_METADATA_DISABLED": "true",
        # A user's profile may choose endpoints, or tell botocore to ignore ours.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # Both spellings count, and the lower one first.
        "NO_PROXY": simulator.host,
        "no_proxy": simulator.host,
    }


def announce(settings: Settings, port: int, simulator: "Simulator | None") -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{port}"
    if simulator is None:
        print(f"chatrix {__version__} on {url}, answered by Amazon Bedrock in {settings.region}", flush=True)
        return
    from gateway.simulator import LOCAL_API_KEY

    print(
        f"chatrix {__version__} on {url}, answered by the embedded Bedrock simulator (no AWS account, no cost)\n\n"
        "In a second terminal:\n\n"
        f"    export ANTHROPIC_BASE_URL={url}\n"
        f"    export ANTHROPIC_AUTH_TOKEN={LOCAL_API_KEY}\n"
        "    claude\n\n"
        "Ctrl-C ends it.\n",
        flush=True,
    )
