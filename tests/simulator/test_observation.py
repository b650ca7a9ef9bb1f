"""What a test in the same process can see: every exchange, how it ended, and at once when the client has gone."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from gateway.simulator import Exchange, Simulator, SimulatorOptions, open_simulator
from gateway.simulator.exchanges import MAX_EXCHANGES, MAX_KEPT_BODY_BYTES, ExchangeLog

if TYPE_CHECKING:
    from tests.simulator.conftest import WireClient

MOMENTS = {
    "a delay": "[[delay:30]]",
    "a hang": "[[hang]]",
    "a slow start": "[[slow:30]]",
    "a silence": "[[say:a]][[silence:30]]",
    "a drip": "[[drip:1000 30]]",
    "the flow": "[[pace:0.001]][[seq:100000]]",
    "a flood": "[[flood:1000000 1000]]",
}
# Generous for a machine that does other things as well; it takes well under a millisecond.
AT_ONCE_SECONDS = 0.1


async def connect(simulator: Simulator, prompt: str, operation: str) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", simulator.port, limit=2**16)
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": prompt}]}]}).encode()
    head = f"POST /model/anthropic.claude-opus-5/{operation} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    return writer


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_a_client_that_goes_is_noticed_at_once(simulator: Simulator, moment: str, reset: bool) -> None:
    writer = await connect(simulator, MOMENTS[moment], "converse-stream")
    await simulator.wait_until(lambda: simulator.open_exchanges == 1)
    await asyncio.sleep(0.02)  # into the middle of the moment
    if reset:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    left = asyncio.get_running_loop().time()
    writer.transport.abort()
    async with asyncio.timeout(2):
        await simulator.wait_until_idle()
    exchange = simulator.exchanges[-1]
    assert exchange.outcome == "client_gone"
    assert exchange.ended is not None
    assert exchange.ended - left < AT_ONCE_SECONDS


async def test_it_is_noticed_in_an_answer_that_is_not_streamed(simulator: Simulator) -> None:
    writer = await connect(simulator, "[[silence:30]]", "converse")
    await simulator.wait_until(lambda: simulator.open_exchanges == 1)
    writer.transport.abort()
    async with asyncio.timeout(2):
        await simulator.wait_until_idle()
    assert simulator.exchanges[-1].outcome == "client_gone"


async def test_a_flood_waits_for_its_reader(simulator: Simulator) -> None:
    """1 GB would be sent; the buffers on the way hold a few megabytes."""
    writer = await connect(simulator, "[[flood:1000000 1000]]", "converse-stream")
    await simulator.wait_until(lambda: simulator.open_exchanges == 1)
    await asyncio.sleep(0.2)
    assert simulator.open_exchanges == 1
    writer.transport.abort()
    async with asyncio.timeout(2):
        await simulator.wait_until_idle()


async def test_an_exchange_tells_all_about_it(wire: WireClient, simulator: Simulator) -> None:
    await wire.session.post(
        f"{simulator.url}/model/us.anthropic.claude-opus-5/converse",
        json={"messages": [{"role": "user", "content": [{"text": "[[say:a]]"}]}]},
        headers={"X-Something": "Value"},
    )
    (exchange,) = simulator.exchanges
    assert (exchange.operation, exchange.model_id) == ("Converse", "us.anthropic.claude-opus-5")
    assert exchange.body["messages"][0]["content"] == [{"text": "[[say:a]]"}]
    assert exchange.headers["x-something"] == "Value"
    assert (exchange.outcome, exchange.status) == ("complete", 200)
    assert exchange.ended is not None
    assert exchange.started <= exchange.ended <= asyncio.get_running_loop().time()


async def test_the_operations_are_told_apart(wire: WireClient, simulator: Simulator) -> None:
    await wire.stream("[[say:a]]")
    await wire.count(messages=[{"role": "user", "content": [{"text": "a"}]}])
    await wire.secret(SecretId="prod/chatrix/api-key")
    await wire.session.get(simulator.url)
    assert [(exchange.operation, exchange.outcome) for exchange in simulator.exchanges] == [
        ("ConverseStream", "complete"),
        ("CountTokens", "complete"),
        ("GetSecretValue", "complete"),
        ("unknown", "refused"),
    ]


async def test_waiting_needs_no_polling(wire: WireClient, simulator: Simulator) -> None:
    asking = asyncio.create_task(wire.stream("[[delay:0.1]][[say:a]]"))
    await simulator.wait_until(lambda: simulator.open_exchanges == 1)
    await simulator.wait_until_idle()
    assert simulator.exchanges[-1].outcome == "complete"
    await asking


async def test_closing_the_simulator_does_not_wait_for_open_answers() -> None:
    async with asyncio.timeout(2):
        async with open_simulator(SimulatorOptions()) as simulator:
            writer = await connect(simulator, "[[hang]]", "converse-stream")
            await simulator.wait_until(lambda: simulator.open_exchanges == 1)
        assert simulator.exchanges[-1].outcome == "faulted"
    writer.close()


async def test_the_log_is_bounded_by_number_and_by_bytes() -> None:
    def exchange(body_bytes: int) -> Exchange:
        nothing: dict[str, Any] = {}
        return Exchange("Converse", "m", nothing, {}, started=0.0, body_bytes=body_bytes)

    log = ExchangeLog()
    for _ in range(MAX_EXCHANGES + 5):
        log.open(exchange(1))
    assert len(log.exchanges) == MAX_EXCHANGES
    for _ in range(5):
        log.open(exchange(MAX_KEPT_BODY_BYTES // 2))
    assert len(log.exchanges) == 2


async def test_a_body_that_is_too_large_is_refused(wire: WireClient, simulator: Simulator) -> None:
    reply = await wire.send("converse", b"[" * 25_000_001)
    assert reply.status == 413
    assert (await wire.stream("[[say:a]]")).text == "a"
