"""The command line: `python -m gateway COMMAND`, or `chatrix COMMAND`.

A command's module is loaded when the command is called: `serve` must not wait for what `simulate` needs.
"""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import Any, Final, NoReturn

from gateway import __version__

INTERRUPTED: Final = 130
# OpenSSL's variable for the system's certificates.
CERTIFICATES: Final = "SSL_CERT_FILE"
COMMANDS: Final[Mapping[str, str]] = {
    "serve": "run the gateway in the foreground",
    "simulate": "run the Bedrock simulator alone",
    "smoke": "prove that a deployed gateway answers, and that it streams",
}

SERVERS: Final = frozenset({"serve", "simulate"})


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="chatrix", description="Claude Code, and every other client of the Messages API, on Amazon Bedrock."
    )
    parser.add_argument("--version", action="version", version=f"chatrix {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in words[:1]:
            load(name).add_arguments(command)
    chosen = parser.parse_args(words)
    return int(load(chosen.command).run(chosen))


def load(command: str) -> Any:
    with without_certificates() if command in SERVERS else nullcontext(), without_collections():
        return import_module(f"gateway.commands.{command}")


@contextmanager
def without_collections() -> Iterator[None]:
    """For imports, of which nearly everything stays: looking for garbage meanwhile takes 7 % of a start's CPU.

    Nor is there anything to be found in it later.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def without_certificates() -> Iterator[None]:
    """For the import of aiohttp, which makes two TLS contexts of the system's certificates: a tenth of a start's CPU.

    What serves never uses them, since aiobotocore brings its own. Who did all the same would trust nobody.
    """
    named = os.environ.get(CERTIFICATES)
    os.environ[CERTIFICATES] = os.devnull
    try:
        yield
    finally:
        if named is None:
            del os.environ[CERTIFICATES]
        else:
            os.environ[CERTIFICATES] = named


def run() -> NoReturn:
    """`main`, for a terminal: Ctrl-C before a command can handle it ends it without a traceback."""
    # The first process of a container has no default for it: without this it is lost until `serve` listens for it.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    try:
        code = main()
    except KeyboardInterrupt:
        code = INTERRUPTED
    leave(code)


def leave(code: int) -> NoReturn:
    """End at once. To take the interpreter apart costs 0.2 s of CPU, and Lambda kills after 2 s."""
    for stream in (sys.stdout, sys.stderr):
        # None: it was closed before we were started.
        if stream is not None:
            with suppress(OSError):
                stream.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
