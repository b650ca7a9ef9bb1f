"""Runs a case over real sockets, and holds what a user sees against it. Raises `AssertionError` where they differ."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from gateway.protocol.features import FEATURES
from gateway.protocol.options import Guardrail
from gateway.simulator import Exchange, Simulator, SimulatorOptions, open_simulator
from tests.matrix.cases import ABSENT, MODEL, Case, NeverCase, ReplyCase, RequestCase, agrees, find
from tests.matrix.ending_cases import EVERYTHING
from tests.support.anthropic_stream import split_events
from tests.support.gateway import Gateway, run_gateway
from tests.support.scripted_bedrock import ScriptedBedrock, open_scripted_bedrock

STRICT: Final = {"x-chatrix-strict": "1"}
OPERATORS_TEXT: Final = "The operator's own words."
OPERATORS_GUARDRAIL: Final = Guardrail("operators", "DRAFT")
DEFAULT_BODY: Final[Mapping[str, Any]] = {
    "model": MODEL,
    "max_tokens": 4000,
    "messages": [{"role": "user", "content": "[[say:ok]]"}],
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user sees of one request, and what reached Bedrock."""

    status: int
    text: str
    dropped: frozenset[str]
    approximated: frozenset[str]
    converse: dict[str, Any] | None
    model_id: str | None

    @property
    def message(self) -> str:
        return str(json.loads(self.text)["error"]["message"])


@dataclass(slots=True)
class Matrix:
    """Everything that cases need, running."""

    session: aiohttp.ClientSession
    simulator: Simulator
    bedrock: ScriptedBedrock
    plain: Gateway
    operated: Gateway
    scripted: Gateway
    words: set[str] = field(default_factory=set)

    async def prove(self, case: Case) -> None:
        match case:
            case RequestCase():
                await self._prove_request(case)
            case ReplyCase():
                await self._prove_reply(case)
            case NeverCase():
                await self._prove_absence(case)

    # --- requests

    async def _prove_request(self, case: RequestCase) -> None:
        seen = await self._ask(case, {})
        if case.fate == "refused":
            _expect_refusal(seen, case, case.says)
            return
        assert seen.status == case.status, seen.text[:600]
        _expect_disclosure(seen, case)
        assert seen.converse is not None
        assert case.to_model in ("", seen.model_id), seen.model_id
        assert case.sent, "a case shows what is sent"
        for place, wanted in case.sent.items():
            found = find(seen.converse, place)
            assert agrees(found, wanted), f"{place} is {_shown(found)} in {_shown(seen.converse)}"
        if case.silent:
            # Nobody is told, so that its absence must show: which is what `sent` has just done.
            assert FEATURES[case.row].fate == case.fate
        if case.fate in ("dropped", "approximated"):
            await self._prove_strictness(case)

    async def _prove_strictness(self, case: RequestCase) -> None:
        seen = await self._ask(case, STRICT)
        if case.strict_says:
            _expect_refusal(seen, case, case.strict_says)
        elif case.harmless or case.silent:
            assert seen.status == case.status, seen.text[:600]
            _expect_disclosure(seen, case)
        else:
            _expect_refusal(seen, case, f"strict mode is on, and this would be {case.fate}.")

    async def _ask(self, case: RequestCase, headers: Mapping[str, str]) -> Seen:
        gateway = self.operated if case.gateway == "operated" else self.plain
        before = self.simulator.exchanges[-1] if self.simulator.exchanges else None
        sent = {"x-api-key": gateway.key, "anthropic-version": "2023-06-01", **case.headers, **headers}
        body = {**DEFAULT_BODY, **case.body}
        async with self.session.post(f"{gateway.url}/v1/messages", json=body, headers=sent) as response:
            text = await response.text()
            call = self._last_call(before)
            return Seen(
                response.status,
                text,
                _names(response.headers.get("x-chatrix-dropped", "")),
                _names(response.headers.get("x-chatrix-approximated", "")),
                call.body if call else None,
                call.model_id if call else None,
            )

    def _last_call(self, before: Exchange | None) -> Exchange | None:
        """The last of ConverseStream since `before`."""
        for exchange in reversed(self.simulator.exchanges):
            if exchange is before:
                break
            if exchange.operation == "ConverseStream":
                return exchange
        return None

    # --- replies

    async def _prove_reply(self, case: ReplyCase) -> None:
        self.bedrock.events, self.bedrock.silence_seconds = case.events, case.silence_seconds
        whole, streamed = await self._whole(case.body), await self._streamed(case.body)
        if case.fate == "refused":
            kind, text = case.shown
            for reply in (whole, streamed):
                assert reply["error"]["type"] == kind, reply
                assert text in reply["error"]["message"]
            assert FEATURES[case.row].fate == "refused"
            # What the row says is what the caller reads.
            assert FEATURES[case.row].reason in whole["error"]["message"]
            return
        forms = ((case.whole, whole), (case.streamed, streamed))
        for reply in (reply for is_shown, reply in forms if is_shown):
            found = find(reply, case.place)
            assert agrees(found, case.shown), f"{case.place} is {_shown(found)} in {_shown(reply)}"
            fate = _fate(found, case.told)
            assert fate == case.fate == FEATURES[case.row].fate

    async def _prove_absence(self, case: NeverCase) -> None:
        """In all that replies say when Bedrock says everything it can."""
        if not self.words:
            for events in EVERYTHING:
                self.bedrock.events, self.bedrock.silence_seconds = events, 0
                self.words |= _types(await self._whole({})) | _types(await self._streamed({}))
        assert self.words >= {"text", "thinking", "tool_use", "citations_delta", "message_stop"}
        fate = "kept" if case.word in self.words else "dropped"
        assert fate == case.fate == FEATURES[case.row].fate

    async def _whole(self, body: Mapping[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(await self._reply(body, stream=False))
        return reply

    async def _streamed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        text = await self._reply(body, stream=True)
        return gather(text) if text.startswith("event: ") else json.loads(text)

    async def _reply(self, body: Mapping[str, Any], *, stream: bool) -> str:
        sent = {"x-api-key": self.scripted.key, "anthropic-version": "2023-06-01"}
        request = {**DEFAULT_BODY, **body, "stream": stream}
        async with self.session.post(f"{self.scripted.url}/v1/messages", json=request, headers=sent) as response:
            return await response.text()


def gather(stream: str) -> dict[str, Any]:
    """What a client makes of a stream: the message, with the events themselves by their names under `events`."""
    message: dict[str, Any] = {}
    events: dict[str, list[dict[str, Any]]] = {}
    for name, event in split_events(stream.encode()):
        events.setdefault(name, []).append(json.loads(json.dumps(event)))
        match name:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                message["content"].append(event["content_block"])
            case "content_block_delta":
                _add_delta(message["content"][event["index"]], event["delta"])
            case "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
            case "error":
                message["error"] = event["error"]
    for block in message["content"]:
        if "partial_json" in block:
            block["input"] = _parsed(block.pop("partial_json"))
    return {**message, "events": events}


def _add_delta(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if delta["type"] == "citations_delta":
        block.setdefault("citations", []).append(delta["citation"])
        return
    for member, value in delta.items():
        if member != "type":
            block[member] = block.get(member, "") + value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fate(found: Any, told: Any) -> str:
    if found is None or found is ABSENT:
        return "dropped"
    return "kept" if found == told else "approximated"


def _types(value: Any) -> set[str]:
    """The types and the reasons that are named anywhere in a reply."""
    if isinstance(value, list):
        return {word for each in value for word in _types(each)}
    if not isinstance(value, dict):
        return set()
    own = {value[name] for name in ("type", "stop_reason") if isinstance(value.get(name), str)}
    return own | {word for each in value.values() for word in _types(each)}


def _expect_disclosure(seen: Seen, case: RequestCase) -> None:
    named = "" if case.silent else case.fate
    shown = f"dropped: {sorted(seen.dropped)}, approximated: {sorted(seen.approximated)}"
    for fate, names in (("dropped", seen.dropped), ("approximated", seen.approximated)):
        assert (case.disclosed in names) == (fate == named), shown


def _expect_refusal(seen: Seen, case: RequestCase, says: str) -> None:
    assert seen.status == 400, f"{seen.status}: {seen.text[:300]}"
    assert seen.converse is None, "the request went to Bedrock"
    assert seen.message.startswith(f"{case.at or case.disclosed}:"), seen.message
    assert says, "a refusal says something"
    assert says in seen.message, seen.message


def _names(header: str) -> frozenset[str]:
    return frozenset(name.strip() for name in header.split(",") if name.strip())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 1500 else text[:1500] + "..."


@asynccontextmanager
async def open_matrix() -> AsyncIterator[Matrix]:
    async with (
        open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator,
        open_scripted_bedrock() as bedrock,
        run_gateway(simulator) as plain,
        run_gateway(simulator, system_prompt=OPERATORS_TEXT, guardrail=OPERATORS_GUARDRAIL) as operated,
        run_gateway(
            simulator, ping_seconds=0.1, commit_seconds=0.05, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url
        ) as scripted,
        aiohttp.ClientSession() as session,
    ):
        yield Matrix(session, simulator, bedrock, plain, operated, scripted)
