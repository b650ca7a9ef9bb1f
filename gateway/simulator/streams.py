"""A performance as the body of ConverseStream."""

import asyncio
from collections.abc import Iterable
from typing import Final, assert_never

from aiohttp import web

from gateway.simulator.connection import PAUSE_BEFORE_END_SECONDS, BodyWriter, hang_up, reset
from gateway.simulator.exchanges import Exchange
from gateway.simulator.frames import damaged_frame, error_message_frame, event_frame, failure_frame, half_frame
from gateway.simulator.performance import Event, Operation, Wait
from gateway.simulator.plan import Cut, Damage, Failure

EVENT_STREAM: Final = "application/vnd.amazon.eventstream"


async def send_stream(
    request: web.Request, operations: Iterable[Operation], exchange: Exchange, *, split_bytes: int, request_id: str
) -> web.StreamResponse:
    """One HTTP chunk a frame."""
    response = web.StreamResponse(headers={"x-amzn-RequestId": request_id, "Content-Type": EVENT_STREAM})
    response.enable_chunked_encoding()
    await response.prepare(request)
    exchange.status = response.status
    body = BodyWriter(response, split_bytes)
    for operation in operations:
        match operation:
            case Wait(seconds):
                await body.flush()
                await asyncio.sleep(seconds)
            case Event(kind, payload):
                await body.write(event_frame(kind, payload))
            case Damage():
                exchange.damaged = True
                await body.write(damaged_frame(operation))
            case Failure(refusal, as_error_message):
                exchange.damaged = True
                await body.write(error_message_frame(refusal) if as_error_message else failure_frame(refusal))
            case Cut():
                exchange.damaged = True
                await _cut(request, body, operation, exchange)
            case _:
                assert_never(operation)
    await body.end()
    return response


async def _cut(request: web.Request, body: BodyWriter, cut: Cut, exchange: Exchange) -> None:
    """`boundary` ends the body between frames, the others inside one."""
    if cut.kind != "boundary":
        await body.write(half_frame())
    await body.flush()
    if cut.kind in ("clean", "boundary"):
        return
    await asyncio.sleep(PAUSE_BEFORE_END_SECONDS)
    await (reset(request, exchange) if cut.kind == "rst" else hang_up(request, exchange))
