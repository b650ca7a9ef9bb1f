"""Bedrock Runtime: ConverseStream, Converse and CountTokens. Refuses, or plans an answer and plays it."""

import asyncio
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from gateway.simulator.caching import MINIMUM_PREFIX_TOKENS, InputUsage, PromptCache, prompt_characters
from gateway.simulator.check_tools import check_streamed_tools
from gateway.simulator.checks import check_body, check_prompt
from gateway.simulator.contents import JsonObject, model_fields
from gateway.simulator.control_plane import ControlPlane
from gateway.simulator.conversation import plan_conversation
from gateway.simulator.count_tokens import count_tokens
from gateway.simulator.exchanges import Exchange
from gateway.simulator.families import in_the_manner_of, manners_of
from gateway.simulator.guardrails import intervene
from gateway.simulator.http_faults import play_http_fault
from gateway.simulator.models import ServedModel, serve
from gateway.simulator.performance import Circumstances, perform
from gateway.simulator.plan import HttpFault, Plan
from gateway.simulator.refusals import Refusal, json_response, model_refuses
from gateway.simulator.request_shapes import CONVERSE, CONVERSE_STREAM
from gateway.simulator.script import ScriptCounters, find_script
from gateway.simulator.staging import plan_script
from gateway.simulator.streams import send_stream
from gateway.simulator.tokens import input_tokens
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

    def __init__(self, tokens_per_second: float, clock: Callable[[], float], control_plane: ControlPlane) -> None:
        self._tokens_per_second = tokens_per_second
        self._cache = PromptCache(clock)
        self._counters = ScriptCounters()
        self._control_plane = control_plane
        self.refused_betas: set[str] = set()

    async def answer(self, request: web.Request, exchange: Exchange, request_id: str) -> web.StreamResponse:
        """Raises `Refusal` for what Bedrock would refuse, and for what a marker wants refused."""
        if exchange.operation == "CountTokens":
            counted = await count_tokens(exchange.body, self._serve(exchange), self._counters)
            return json_response(counted, headers={"x-amzn-RequestId": request_id})
        streamed = exchange.operation == "ConverseStream"
        prompt = check_body(CONVERSE_STREAM if streamed else CONVERSE, exchange.body)
        model = self._serve(exchange)
        self._check(prompt, model, streamed=streamed)
        plan = self._plan(prompt, model, streamed=streamed)
        if plan.delay_seconds:
            await asyncio.sleep(plan.delay_seconds)
        match plan.instead:
            case Refusal() as refusal:
                raise refusal
            case HttpFault() as fault:
                exchange.damaged = True
                return await play_http_fault(request, fault, exchange)
        operations = perform(plan, self._circumstances(prompt, model, exchange, streamed=streamed))
        send = send_stream if streamed else send_whole
        return await send(request, operations, exchange, split_bytes=plan.split_bytes, request_id=request_id)

    def _serve(self, exchange: Exchange) -> ServedModel:
        model_id = exchange.model_id or ""
        return serve(model_id, self._control_plane.base_id(model_id))

    def _check(self, prompt: JsonObject, model: ServedModel, *, streamed: bool) -> None:
        model.check_on_demand()
        check_prompt(prompt, model)
        if streamed:
            check_streamed_tools(prompt, model)
        if self.refused_betas.intersection(model_fields(prompt).get("anthropic_beta") or []):
            raise model_refuses("invalid beta flag")

    def _plan(self, prompt: JsonObject, model: ServedModel, *, streamed: bool) -> Plan:
        script = find_script(prompt)
        if script is None:
            plan = plan_conversation(prompt, model, input_tokens(prompt_characters(prompt)))
        else:
            plan = plan_script(prompt, script, self._counters, streamed=streamed)
        return intervene(in_the_manner_of(model, plan, streamed=streamed), prompt)

    def _circumstances(
        self, prompt: JsonObject, model: ServedModel, exchange: Exchange, *, streamed: bool
    ) -> Circumstances:
        loop = asyncio.get_running_loop()
        minimum = model.row.cache_minimum_tokens if model.row else MINIMUM_PREFIX_TOKENS
        usage: InputUsage = self._cache.account(prompt, model.model_id, minimum)
        return Circumstances(
            input_usage=usage,
            tokens_per_second=self._tokens_per_second,
            elapsed_ms=lambda: int((loop.time() - exchange.started) * 1_000),
            streamed=streamed,
            field_paths=tuple(prompt.get("additionalModelResponseFieldPaths") or ()),
            manners=manners_of(model),
            # Given back as they came, when they came.
            echoed={name: prompt[name] for name in ("performanceConfig", "serviceTier") if prompt.get(name)},
        )
