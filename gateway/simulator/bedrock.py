"""Bedrock Runtime: ConverseStream, Converse and CountTokens. Refuses, or plans an answer and plays it."""

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

import orjson
from aiohttp import web

from gateway.simulator.caching import InputUsage, PromptCache, prompt_characters
from gateway.simulator.checks import check_prompt, check_request
from gateway.simulator.contents import JsonObject
from gateway.simulator.conversation import plan_conversation
from gateway.simulator.exchanges import Exchange
from gateway.simulator.http_faults import play_http_fault
from gateway.simulator.models import is_profile
from gateway.simulator.performance import Circumstances, perform
from gateway.simulator.plan import HttpFault, Plan
from gateway.simulator.refusals import Refusal, invalid, json_response
from gateway.simulator.request_shapes import CONVERSE, CONVERSE_STREAM, COUNT_TOKENS
from gateway.simulator.script import ScriptCounters, find_script
from gateway.simulator.shapes import decode_base64
from gateway.simulator.staging import plan_script
from gateway.simulator.streams import send_stream
from gateway.simulator.tokens import input_tokens, string_characters
from gateway.simulator.wholes import send_whole

_PATH: Final = re.compile(r"/model/([^/]+)/(converse-stream|converse|count-tokens)")
_OPERATIONS: Final = {"converse-stream": "ConverseStream", "converse": "Converse", "count-tokens": "CountTokens"}


def identify(method: str, raw_path: str) -> tuple[str, str] | None:
    """The operation and the model id, which is one percent-encoded segment; None for any other path."""
    found = _PATH.fullmatch(raw_path)
    if found is None or method != "POST":
        return None
    return _OPERATIONS[found[2]], unquote(found[1])


class Bedrock:
    """Remembers cached prefixes and the counters of scripts, and no conversation."""

    def __init__(self, tokens_per_second: float, clock: Callable[[], float]) -> None:
        self._tokens_per_second = tokens_per_second
        self._cache = PromptCache(clock)
        self._counters = ScriptCounters()

    async def answer(self, request: web.Request, exchange: Exchange, request_id: str) -> web.StreamResponse:
        """Raises `Refusal` for what Bedrock would refuse, and for what a marker wants refused."""
        model_id = exchange.model_id or ""
        if exchange.operation == "CountTokens":
            return json_response(
                {"inputTokens": _count_tokens(exchange.body, model_id)}, headers={"x-amzn-RequestId": request_id}
            )
        streamed = exchange.operation == "ConverseStream"
        prompt = check_request(CONVERSE_STREAM if streamed else CONVERSE, exchange.body, model_id)
        check_prompt(prompt, model_id)
        plan = self._plan(prompt, model_id, streamed=streamed)
        if plan.delay_seconds:
            await asyncio.sleep(plan.delay_seconds)
        match plan.instead:
            case Refusal() as refusal:
                raise refusal
            case HttpFault() as fault:
                exchange.damaged = True
                return await play_http_fault(request, fault, exchange)
        operations = perform(plan, self._circumstances(prompt, exchange, streamed=streamed))
        send = send_stream if streamed else send_whole
        return await send(request, operations, exchange, split_bytes=plan.split_bytes, request_id=request_id)

    def _plan(self, prompt: JsonObject, model_id: str, *, streamed: bool) -> Plan:
        script = find_script(prompt)
        if script is None:
            return plan_conversation(prompt, model_id, input_tokens(prompt_characters(prompt)))
        return plan_script(prompt, script, self._counters, streamed=streamed)

    def _circumstances(self, prompt: JsonObject, exchange: Exchange, *, streamed: bool) -> Circumstances:
        loop = asyncio.get_running_loop()
        usage: InputUsage = self._cache.account(prompt, exchange.model_id or "")
        return Circumstances(
            input_usage=usage,
            tokens_per_second=self._tokens_per_second,
            elapsed_ms=lambda: int((loop.time() - exchange.started) * 1_000),
            streamed=streamed,
            field_paths=tuple(prompt.get("additionalModelResponseFieldPaths") or ()),
        )


def _count_tokens(body: Any, model_id: str) -> int:
    """Only base ids can be counted, as recorded. That the newest Claudes cannot be counted at all is not played."""
    counted = check_request(COUNT_TOKENS, body, model_id)["input"]
    if is_profile(model_id):
        raise invalid("The provided model doesn't support counting tokens.")
    if counted.get("converse") is not None:
        check_prompt(counted["converse"], model_id)
        return input_tokens(prompt_characters(counted["converse"]))
    return input_tokens(string_characters(_invoke_body(counted["invokeModel"]["body"])))


def _invoke_body(encoded: str) -> Any:
    try:
        return orjson.loads(decode_base64(encoded) or b"")
    except orjson.JSONDecodeError as error:
        raise invalid("Malformed input request, please reformat your input and try again.") from error
