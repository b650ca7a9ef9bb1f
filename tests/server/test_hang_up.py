"""A client that goes away frees the upstream at once: whatever it waits for, Bedrock would go on and be billed."""

import asyncio
import json
import socket
import struct
from statistics import quantiles

import pytest

from tests.support.gateway import Gateway, asking

MOMENTS = {
    "before Bedrock has answered": "[[delay:30]]",
    "while Bedrock says nothing at all": "[[hang]]",
    "in the silence after the first event": "[[silence:30]][[say:x]]",
    "in the flow of text": "[[pace:0.001]][[seq:100000]]",
    "while it does not read": "[[flood:100000 2000]]",
}
ROUNDS = 12
P99_SECONDS = 0.1
WORST_SECONDS = 1.0


async def leave_in_the_middle(gateway: Gateway, text: str, *, stream: bool, reset: bool) -> float:
    """Seconds from the client's end of the connection to the simulator's."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    body = json.dumps(asking(text, stream=stream)).encode()
    head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {gateway.key}\r\ncontent-length: {len(body)}\r\n\r\n"
    before = len(gateway.calls())
    writer.write(head.encode() + body)
    async with asyncio.timeout(5):
        await gateway.simulator.wait_until(lambda: len(gateway.calls()) > before)
    exchange = gateway.calls()[-1]
    if "pace" in text and stream:
        await reader.readuntil(b"content_block_delta")
    if "flood" in text:
        await asyncio.sleep(0.05)  # lets every buffer on the way fill
    if reset:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left = asyncio.get_running_loop().time()
    writer.transport.abort() if reset else writer.close()
    async with asyncio.timeout(5):
        await gateway.simulator.wait_until_idle()
    assert exchange.outcome == "client_gone"
    assert exchange.ended is not None
    return exchange.ended - left


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_leaving_closes_bedrocks_side(gateway: Gateway, moment: str, stream: bool, reset: bool) -> None:
    took = [await leave_in_the_middle(gateway, MOMENTS[moment], stream=stream, reset=reset) for _ in range(ROUNDS)]
    assert max(took) < WORST_SECONDS
    assert quantiles(took, n=100, method="inclusive")[-1] < P99_SECONDS


async def test_a_client_that_leaves_in_its_request_body_never_reaches_bedrock(gateway: Gateway) -> None:
    before = len(gateway.calls())
    # A request that would be good if its last byte did not matter.
    body = json.dumps(asking("[[say:never asked]]")).encode()
    head = (
        f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {gateway.key}\r\ncontent-length: {len(body) + 1}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(head.encode() + body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with gateway.post(asking("[[say:still here]]")) as response:
        assert response.status == 200
    assert len(gateway.calls()) == before + 1


async def test_a_hundred_abandoned_streams_leave_nothing_behind(gateway: Gateway) -> None:
    async def open_and_leave() -> None:
        async with gateway.post(asking("[[pace:0.01]][[seq:10000]]", stream=True)) as response:
            await response.content.readuntil(b"content_block_delta")
            response.close()

    await asyncio.gather(*(open_and_leave() for _ in range(100)))
    async with asyncio.timeout(5):
        await gateway.simulator.wait_until_idle()
    assert gateway.simulator.open_exchanges == 0
