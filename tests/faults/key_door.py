"""A gateway whose keys stand in a Secrets Manager that can be broken, and those who knock at its door with keys.

There are two such Secrets Managers. The simulator refuses, delays and hangs as AWS does; `RawSecrets` sends exact
bytes, resets connections and goes away altogether. Everybody knocks at `GET /v1/models`: it asks for a key, and not for
Bedrock.
"""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol
from uuid import uuid4

import aiohttp

from gateway.simulator import Simulator, SimulatorOptions, Trouble, open_simulator
from tests.support.gateway import run_gateway

# `reset`, `close`: the connection ends so, once the request is there. `stall`: half an answer, and then nothing until
# the gateway leaves. `away`: nobody listens.
RawFault = bytes | Literal["reset", "close", "stall", "away"]
Fault = Trouble | RawFault

KEY: Final = "ck_the-key-of-the-fault-suite"
NEW_KEY: Final = "ck_the-new-key-of-the-fault-suite"
WRONG_KEY: Final = "ck_a-wrong-key-for-the-fault-suite"
# The shortest list there is: what it costs to make the answer is not what is looked at.
PATH: Final = "/v1/models?limit=1"
OPERATION: Final = "GetSecretValue"
CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"
# On, and no seconds: close() sends RST.
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


def single(key: str) -> str:
    return json.dumps({"api_key": key})


class Secrets(Protocol):
    """What both have. `hold` is a rotation, `reads` how often the current version was asked for."""

    url: str

    @property
    def reads(self) -> int: ...

    def hold(self, text: str) -> None: ...

    async def break_with(self, fault: Any) -> None: ...

    async def mend(self) -> None: ...


class SimulatedSecrets:
    def __init__(self, simulator: Simulator) -> None:
        self.url = simulator.url
        self._simulator = simulator

    @property
    def reads(self) -> int:
        asked = [each.body for each in self._simulator.exchanges if each.operation == OPERATION]
        return sum(body["VersionStage"] == CURRENT for body in asked)

    def hold(self, text: str) -> None:
        self._simulator.secret_string = text

    async def break_with(self, fault: Trouble) -> None:
        self._simulator.troubles[OPERATION] = fault

    async def mend(self) -> None:
        self._simulator.troubles.clear()


class RawSecrets:
    """One request a connection, as the gateway sends them."""

    def __init__(self, text: str) -> None:
        self.url = ""
        self.reads = 0
        self._versions: dict[str, dict[str, Any]] = {}
        self._fault: RawFault | None = None
        self._server: asyncio.Server | None = None
        self._port = 0
        self.hold(text)

    def hold(self, text: str) -> None:
        if CURRENT in self._versions:
            self._versions[PREVIOUS] = self._versions[CURRENT]
        self._versions[CURRENT] = {"SecretString": text, "CreatedDate": time.time(), "VersionId": str(uuid4())}

    async def break_with(self, fault: RawFault) -> None:
        self._fault = fault
        if fault == "away":
            await self.leave()

    async def mend(self) -> None:
        self._fault = None
        await self.listen()

    async def listen(self) -> None:
        """On the same port each time."""
        if self._server is None:
            self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{self._port}"

    async def leave(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            stage = await read_stage(reader)
            self.reads += stage == CURRENT
            if self._fault == "reset":
                opened: socket.socket = writer.get_extra_info("socket")
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
            elif isinstance(self._fault, bytes):
                writer.write(self._fault)
            elif self._fault == "stall":
                writer.write(answer(200, b'{"SecretString": "', announced=200))
                await reader.read()
            elif self._fault is None:
                writer.write(self._right_answer(stage))
        writer.close()

    def _right_answer(self, stage: str) -> bytes:
        if stage not in self._versions:
            return answer(400, b'{"__type": "ResourceNotFoundException"}')
        return answer(200, json.dumps({"Name": "key", **self._versions[stage]}).encode())


async def read_stage(reader: asyncio.StreamReader) -> str:
    """The staging label that a request of GetSecretValue asks for."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    stage: str = json.loads(await reader.readexactly(length))["VersionStage"]
    return stage


def answer(status: int, body: bytes, announced: int | None = None) -> bytes:
    """`announced` is the length that is told, where it is not the true one."""
    length = len(body) if announced is None else announced
    head = f"HTTP/1.1 {status} Whatever\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n"
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Knock:
    """What became of it, and how long that took."""

    status: int
    type: str | None
    message: str
    headers: Mapping[str, str]
    seconds: float


class Door:
    def __init__(self, url: str, secrets: Secrets) -> None:
        self.url = url
        self.secrets = secrets
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def knock(self, key: str | None = KEY, path: str = PATH) -> Knock:
        headers = {} if key is None else {"x-api-key": key}
        began = time.monotonic()
        async with self._session.get(self.url + path, headers=headers) as response:
            body = await response.json()
        seconds = time.monotonic() - began
        error = body.get("error", {})
        return Knock(response.status, error.get("type"), error.get("message", ""), response.headers, seconds)

    async def knock_at_once(self, times: int, key: str | None = KEY) -> list[Knock]:
        return await asyncio.gather(*(self.knock(key) for _ in range(times)))

    async def close(self) -> None:
        await self._session.close()


@asynccontextmanager
async def open_door(
    *, raw: bool = False, secret: str = single(KEY), broken_with: Fault | None = None, **settings: Any
) -> AsyncIterator[Door]:
    """`raw`: the keys are in `RawSecrets`. `broken_with`: already when the gateway starts, which reads them then."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0, secret_string=secret)) as simulator:
        secrets = RawSecrets(secret) if raw else SimulatedSecrets(simulator)
        if isinstance(secrets, RawSecrets):
            await secrets.listen()
        if broken_with is not None:
            await secrets.break_with(broken_with)  # type: ignore[arg-type]  # each takes its own kind
        async with run_gateway(simulator, AWS_ENDPOINT_URL_SECRETS_MANAGER=secrets.url, **settings) as gateway:
            door = Door(gateway.url, secrets)
            try:
                yield door
            finally:
                await door.close()
        if isinstance(secrets, RawSecrets):
            await secrets.leave()
