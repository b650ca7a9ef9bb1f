"""A simulator on loopback and a bare HTTP client that reads its frames: no SDK, so that nothing is smoothed over."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from gateway.protocol.eventstream import Frame, FrameDecoder, FrameError
from gateway.simulator import Simulator, SimulatorOptions, open_simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CLAUDE: Final = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SONNET_4_6: Final = "us.anthropic.claude-sonnet-4-6"
OPUS_4_7: Final = "us.anthropic.claude-opus-4-7"
OPUS_5_5: Final = "global.anthropic.claude-opus-5-5"
GPT_OSS: Final = "openai.gpt-oss-120b-1:0"
MODEL: Final = "The model returned the following errors: "


@dataclass
class Reply:
    """`frames` are those before any damage; `failure` is what ended the reading badly."""

    status: int
    headers: dict[str, str]
    raw: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def message(self) -> str:
        """The words of an error."""
        return str(self.body["message"])

    @property
    def events(self) -> list[tuple[str, Any]]:
        return [
            (frame.headers.get(":event-type") or frame.headers[":exception-type"], json.loads(frame.payload))
            for frame in self.frames
            if frame.payload
        ]

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def payload(self, kind: str) -> Any:
        return next(payload for name, payload in self.events if name == kind)

    @property
    def deltas(self) -> list[Any]:
        return [payload["delta"] for kind, payload in self.events if kind == "contentBlockDelta"]

    @property
    def text(self) -> str:
        return "".join(delta.get("text", "") for delta in self.deltas)

    @property
    def tool_input(self) -> str:
        return "".join(delta["toolUse"]["input"] for delta in self.deltas if "toolUse" in delta)

    @property
    def stop_reason(self) -> str:
        return str(self.payload("messageStop")["stopReason"])

    @property
    def usage(self) -> Any:
        return self.payload("metadata")["usage"]


@dataclass
class WireClient:
    url: str
    session: aiohttp.ClientSession

    async def send(
        self, operation: str, body: Any, model_id: str = CLAUDE, on_chunk: Callable[[bytes], None] | None = None
    ) -> Reply:
        content: dict[str, Any] = {"data": BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        url = f"{self.url}/model/{quote(model_id, safe='')}/{operation}"
        async with self.session.post(URL(url, encoded=True), allow_redirects=False, **content) as response:
            reply = Reply(response.status, {name.lower(): value for name, value in response.headers.items()})
            await _read(response, reply, on_chunk)
        if reply.headers.get("content-type") == "application/vnd.amazon.eventstream":
            _decode(reply)
        return reply

    async def stream(self, prompt: str | list[Any], model_id: str = CLAUDE, **members: Any) -> Reply:
        return await self.send("converse-stream", {"messages": as_messages(prompt), **members}, model_id)

    async def whole(self, prompt: str | list[Any], model_id: str = CLAUDE, **members: Any) -> Reply:
        return await self.send("converse", {"messages": as_messages(prompt), **members}, model_id)

    async def count(self, model_id: str = "anthropic.claude-sonnet-4-5-20250929-v1:0", **converse: Any) -> Reply:
        return await self.send("count-tokens", {"input": {"converse": converse}}, model_id)

    async def profiles(self, path: str = "", **query: str) -> Reply:
        """The control plane; `path` as it stands in the URL."""
        url = URL(f"{self.url}/inference-profiles{path}", encoded=True).update_query(query)
        async with self.session.get(url) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, headers, await response.read())

    async def secret(self, operation: str = "GetSecretValue", **members: Any) -> Reply:
        headers = {"X-Amz-Target": f"secretsmanager.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        async with self.session.post(self.url, data=json.dumps(members), headers=headers) as response:
            return Reply(response.status, dict(response.headers), await response.read())


def as_messages(prompt: str | list[Any]) -> list[Any]:
    return [{"role": "user", "content": [{"text": prompt}]}] if isinstance(prompt, str) else prompt


async def _read(
    response: aiohttp.ClientResponse, reply: Reply, on_chunk: Callable[[bytes], None] | None = None
) -> None:
    pending = b""
    try:
        async for data, ends_chunk in response.content.iter_chunks():
            reply.raw += data
            pending += data
            if on_chunk is not None:
                on_chunk(data)
            if ends_chunk and pending:
                reply.chunks.append(pending)
                pending = b""
    except aiohttp.ClientError as error:
        reply.failure = error


def _decode(reply: Reply) -> None:
    decoder = FrameDecoder()
    try:
        reply.frames = decoder.feed(reply.raw)
        decoder.finish()
    except FrameError as error:
        reply.failure = reply.failure or error


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as running:
        yield running


@pytest.fixture
async def wire(simulator: Simulator) -> AsyncIterator[WireClient]:
    async with aiohttp.ClientSession() as session:
        yield WireClient(simulator.url, session)


def tool(name: str = "Bash", description: str = "Runs a shell command", **schema: Any) -> dict[str, Any]:
    spec = {"name": name, "description": description, "inputSchema": {"json": {"type": "object", **schema}}}
    return {"toolSpec": spec}


@pytest.fixture
def bash() -> dict[str, Any]:
    """A `toolConfig` that offers Bash."""
    return {"tools": [tool(properties={"command": {"type": "string"}}, required=["command"])]}


@pytest.fixture
def tool_turn() -> Callable[..., list[Any]]:
    """A prompt, a tool call and its result; `extra` blocks stand beside the result."""

    def messages(
        prompt: str, *, content: list[Any] | None = None, status: str = "success", extra: Any = ()
    ) -> list[Any]:
        result = {"toolUseId": "tooluse_1", "content": [{"text": "file.txt"}] if content is None else content}
        return [
            {"role": "user", "content": [{"text": prompt}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "tooluse_1", "name": "Bash", "input": {}}}]},
            {"role": "user", "content": [{"toolResult": {**result, "status": status}}, *extra]},
        ]

    return messages
