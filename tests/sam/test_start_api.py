"""`sam local start-api`: the packaged image over HTTP, buffered, as docs/sam.md says."""

import json
import re
import time
from pathlib import Path
from typing import Final

import aiohttp

from tests.sam.api import ANSWER_SECONDS, HEADERS, Api, start_api
from tests.sam.conftest import Built, Machine
from tests.support.gateway import asking

DELTAS: Final = 4
GAP_SECONDS: Final = 0.3


async def test_every_path_is_the_gateways(api: Api) -> None:
    assert "Mounting chatrix at" in api.text()
    async with aiohttp.ClientSession(timeout=ANSWER_SECONDS) as session:
        async with session.get(f"{api.url}/health") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})
        async with session.get(f"{api.url}/v1/models") as response:
            assert (response.status, (await response.json())["error"]["type"]) == (401, "authentication_error")


async def test_a_message_is_answered(api: Api) -> None:
    status, text = await api.ask(asking("[[say:hello from the simulator]]"))
    assert status == 200
    assert json.loads(text)["content"] == [{"type": "text", "text": "hello from the simulator"}]


async def test_a_stream_arrives_whole_and_only_at_its_end(api: Api) -> None:
    pieces = []
    async with aiohttp.ClientSession(timeout=ANSWER_SECONDS) as session:
        body = asking(f"[[drip:{DELTAS} {GAP_SECONDS}]]", stream=True)
        async with session.post(f"{api.url}/v1/messages", json=body, headers=HEADERS) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            async for piece in response.content.iter_any():
                pieces.append((time.monotonic(), piece))
    text = b"".join(piece for _, piece in pieces).decode()
    assert text.startswith("event: message_start\n")
    assert text.rstrip().endswith('data: {"type":"message_stop"}')
    assert f"drip{DELTAS - 1}" in text
    # The deltas left Bedrock over this time; unbuffered, they would arrive over it too.
    assert pieces[-1][0] - pieces[0][0] < GAP_SECONDS * (DELTAS - 1)


async def test_one_container_has_answered_everything_and_goes_when_sam_ends(api: Api, machine: Machine) -> None:
    """The last test of the running API. A new container for each request would be SAM's default."""
    containers = re.findall(r"SAM_CONTAINER_ID: (\w{12})", api.text())
    assert len(containers) == 1
    assert containers == machine.sam_containers()
    api.stop()
    assert machine.sam_containers() == []


async def test_a_streaming_adapter_is_a_502_under_sam(built: Built, tmp_path: Path) -> None:
    """Which is why terraform/local declares AWS_LWA_INVOKE_MODE: what is declared, --env-vars can change."""
    streaming = {"AWS_LWA_INVOKE_MODE": "response_stream"}
    with start_api(built.project, tmp_path / "log", variables=streaming) as api:
        assert (await api.ask(asking("[[say:hello]]", stream=True)))[0] == 502
        assert "must be valid json" in api.text()
