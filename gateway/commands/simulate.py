"""`chatrix simulate`: the Bedrock simulator by itself, for a gateway (or any AWS client) in another process."""

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import replace

from gateway.commands import tokens_per_second
from gateway.simulator import LOCAL_API_KEY, Simulator, SimulatorOptions, open_simulator

DEFAULT_PORT = 3001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--tokens-per-second",
        type=tokens_per_second,
        default=SimulatorOptions().tokens_per_second,
        help="how fast it answers; 0 for as fast as possible (default: %(default)g)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGINT or SIGTERM, then ends with 0; 1 when the port cannot be had."""
    try:
        asyncio.run(_serve(arguments))
    except OSError as error:
        print(f"The simulator cannot listen on {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    options = replace(SimulatorOptions(), tokens_per_second=arguments.tokens_per_second)
    async with open_simulator(options, host=arguments.host, port=arguments.port) as simulator:
        print(instructions(simulator, options), flush=True)
        await stopped.wait()


def instructions(simulator: Simulator, options: SimulatorOptions) -> str:
    """What to paste into the terminal of the gateway. The AWS credentials are made up; any would do."""
    return f"""\
Bedrock simulator on {simulator.url} (no model, no AWS account; Ctrl-C ends it)

For a gateway in another terminal:

  export AWS_ENDPOINT_URL_BEDROCK={simulator.url}
  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={simulator.url}
  export AWS_ENDPOINT_URL_SECRETS_MANAGER={simulator.url}
  export AWS_ACCESS_KEY_ID=simulator
  export AWS_SECRET_ACCESS_KEY=simulator
  export AWS_REGION=us-west-2
  export SecretName={options.secret_name}

The gateway then takes this API key: {json.loads(options.secret_string).get("api_key", LOCAL_API_KEY)}"""


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port
