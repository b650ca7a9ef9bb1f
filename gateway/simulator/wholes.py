"""A performance as the body of Converse: the streamed answer, added up."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any, assert_never

from aiohttp import web

from gateway.simulator.connection import PAUSE_BEFORE_END_SECONDS, BodyWriter, hang_up, reset
from gateway.simulator.contents import JsonObject
from gateway.simulator.exchanges import Exchange
from gateway.simulator.performance import Event, Operation, Wait
from gateway.simulator.plan import Cut, Damage, Failure


class _Message:
    """The events so far as one Converse response; members in the order of the alphabet, like the recordings."""

    def __init__(self) -> None:
        self._blocks: dict[int, JsonObject] = {}
        self._arguments: dict[int, str] = {}
        self._end: JsonObject = {}

    def feed(self, event: Event) -> None:
        payload = event.payload
        match event.kind:
            case "contentBlockStart":
                tool_use = payload["start"]["toolUse"]
                self._blocks[payload["contentBlockIndex"]] = {"toolUse": {"input": {}, **tool_use}}
            case "contentBlockDelta":
                self._delta(payload["contentBlockIndex"], payload["delta"])
            case "messageStop" | "metadata":
                self._end |= payload
            case _:
                pass  # messageStart and contentBlockStop carry nothing; events from the future are the stream's.

    def _delta(self, index: int, delta: JsonObject) -> None:
        match delta:
            case {"text": str(text)}:
                block = self._blocks.setdefault(index, {"text": ""})
                block["text"] += text
            case {"citation": dict(citation)}:
                self._cite(index, citation)
            case {"toolUse": {"input": str(fragment)}}:
                self._arguments[index] = self._arguments.get(index, "") + fragment
            case {"reasoningContent": {"redactedContent": bytes(content)}}:
                self._blocks[index] = {"reasoningContent": {"redactedContent": b64encode(content).decode()}}
            case {"reasoningContent": dict(part)}:
                block = self._blocks.setdefault(index, {"reasoningContent": {"reasoningText": {"text": ""}}})
                _add_reasoning(block["reasoningContent"]["reasoningText"], part)
            case _:
                raise AssertionError(f"no such delta: {delta}")

    def _cite(self, index: int, citation: JsonObject) -> None:
        """A block that cites has another form, with the same text."""
        block = self._blocks[index]
        if "text" in block:
            block = {"citationsContent": {"citations": [], "content": [{"text": block["text"]}]}}
            self._blocks[index] = block
        block["citationsContent"]["citations"].append(citation)

    def response(self) -> JsonObject:
        for index, arguments in self._arguments.items():
            self._blocks[index]["toolUse"]["input"] = _parsed(arguments)
        message = {"content": [self._blocks[index] for index in sorted(self._blocks)], "role": "assistant"}
        return dict(sorted({**self._end, "output": {"message": message}}.items()))


def _add_reasoning(reasoning_text: JsonObject, part: JsonObject) -> None:
    for name, fragment in part.items():
        reasoning_text[name] = reasoning_text.get(name, "") + fragment


def _parsed(arguments: str) -> Any:
    """What breaks off is no JSON; a whole answer can only show it as text."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


async def send_whole(
    request: web.Request, operations: Iterable[Operation], exchange: Exchange, *, split_bytes: int, request_id: str
) -> web.StreamResponse:
    """A failure anywhere is an error status, since nothing has gone out; damage is a body that breaks off."""
    message = _Message()
    cut: Cut | None = None
    for operation in operations:
        match operation:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Event():
                message.feed(operation)
            case Damage():
                exchange.damaged = True
            case Failure(refusal):
                raise refusal
            case Cut():
                cut = operation
            case _:
                assert_never(operation)
    body = json.dumps(message.response(), separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
    if exchange.damaged or cut is not None:
        exchange.damaged = True
        return await _send_broken(request, body, cut, exchange)
    return await _send(request, body, exchange, split_bytes=split_bytes, request_id=request_id)


async def _send(
    request: web.Request, body: bytes, exchange: Exchange, *, split_bytes: int, request_id: str
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"x-amzn-RequestId": request_id, "Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    exchange.status = response.status
    writer = BodyWriter(response, split_bytes)
    await writer.write(body)
    await writer.end()
    return response


async def _send_broken(request: web.Request, body: bytes, cut: Cut | None, exchange: Exchange) -> web.StreamResponse:
    half = body[: len(body) // 2]
    tidy = cut is None or cut.kind in ("clean", "boundary")
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(half) if tidy else len(body)
    await response.prepare(request)
    exchange.status = response.status
    await response.write(half)
    if not tidy:
        await asyncio.sleep(PAUSE_BEFORE_END_SECONDS)
        await (reset(request, exchange) if cut is not None and cut.kind == "rst" else hang_up(request, exchange))
    await response.write_eof()
    return response
