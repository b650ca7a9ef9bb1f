"""A client of the Function URL that notes when what arrived, and the function that it asks."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from gateway.simulator import LOCAL_API_KEY, Simulator
from tests.doubles.environment import Environment, Function
from tests.doubles.function_url import FunctionUrl
from tests.support.anthropic_stream import Reply, read_stream
from tests.support.gateway import asking, aws_environment

# What the runtime library writes into the body of an answer that the application broke off.
TRAILER_TEXT: Final = b"Lambda-Runtime-Function-Error"


def function(simulator: Simulator, **changes: Any) -> Function:
    """`changes` in upper case are variables of the function, the others fields of its configuration."""
    variables = {name: value for name, value in changes.items() if not name.islower()}
    configuration = {name: value for name, value in changes.items() if name.islower()}
    return Function({**aws_environment(simulator.url), **variables}, **configuration)


@dataclass(slots=True)
class Answer:
    """What the client got. `arrivals` are the pieces with their times, by `loop.time()`."""

    status: int
    headers: Mapping[str, str]
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)
    broken: bool = False
    """The connection ended before the body did."""

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.arrivals)

    @property
    def reply(self) -> Reply:
        """Fails when the stream breaks a rule of the protocol."""
        return read_stream(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error

    def times_of(self, text: bytes) -> list[float]:
        return [time for time, piece in self.arrivals if text in piece]


@asynccontextmanager
async def sending(
    url: FunctionUrl, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, path: str = "v1/messages"
) -> AsyncIterator[aiohttp.ClientResponse]:
    sent = {"x-api-key": LOCAL_API_KEY, "content-type": "application/json", **(headers or {})}
    content = io.BytesIO(json.dumps(body).encode())
    async with aiohttp.ClientSession() as session, session.post(url.url + path, data=content, headers=sent) as response:
        yield response


async def ask(url: FunctionUrl, text: str, headers: Mapping[str, str] | None = None, **changes: Any) -> Answer:
    """One request, streamed unless `stream=False`, read to its end."""
    async with sending(url, asking(text, **{"stream": True, **changes}), headers) as response:
        return await read(response)


async def read(response: aiohttp.ClientResponse) -> Answer:
    answer = Answer(response.status, response.headers)
    try:
        async for piece in response.content.iter_any():
            answer.arrivals.append((asyncio.get_running_loop().time(), piece))
    except aiohttp.ClientPayloadError:
        answer.broken = True
    return answer


def records(environment: Environment) -> list[dict[str, Any]]:
    """The JSON lines that the application has written about requests."""
    lines = [json.loads(line) for _, line in environment.output.lines if line.startswith("{")]
    return [line for line in lines if "request_id" in line]


def metrics_of(environment: Environment) -> list[dict[str, Any]]:
    return [record for record in records(environment) if "_aws" in record]
