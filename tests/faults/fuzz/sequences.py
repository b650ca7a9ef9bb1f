"""The translator against a model of it: any order of events that Bedrock may send, and each way to break the rules.

The model knows what was said, block by block, and nothing of bytes. After every step the stream so far must be a legal
one that says exactly that: nothing is held back, doubled, or told twice.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.protocol.errors import GatewayError, Overloaded, RateLimited, UpstreamProtocolError, UpstreamTimeout
from gateway.protocol.eventstream import Frame
from gateway.protocol.stop_reasons import STOP_REASONS
from tests.support.anthropic_stream import read_stream
from tests.support.translation import make_translator

TEXT, THINKING, REDACTED, TOOL = "text", "thinking", "redacted_thinking", "tool_use"
PIECES: Final = st.text(max_size=6)
BLOBS: Final = st.text(alphabet="ABCxyz019+/=", min_size=1, max_size=8)
NAMES: Final = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
REASONS: Final = ("end_turn", "max_tokens", "stop_sequence", "tool_use", "content_filtered", "new")
AFTER_THE_STOP: Final = ("messageStop", "contentBlockStart", "contentBlockDelta")
EXCEPTIONS: Final = {
    "throttlingException": RateLimited,
    "serviceUnavailableException": Overloaded,
    "modelTimeoutException": UpstreamTimeout,
    "internalServerException": GatewayError,
    "aNewOne": GatewayError,
}


@dataclass
class Said:
    kind: str
    text: str = ""
    signature: str = ""
    name: str = ""

    @property
    def is_told(self) -> bool:
        """A block of empty deltas says nothing, and is no block."""
        return self.kind in (TOOL, REDACTED) or bool(self.text or self.signature)


@dataclass
class Model:
    blocks: list[Said] = field(default_factory=list)
    started: bool = False
    index: int = -1
    """Bedrock's, of the block that was begun last."""
    open: Said | None = None
    stop_reason: str | None = None
    metadata_told: bool = False
    ended: bool = False
    """Nothing may be fed any more: the body has ended, or the rules were broken."""
    events_to_come: int = 0
    """Before it may stop or end. Left to itself, half of all sequences would be over before anything was said."""

    @property
    def takes_content(self) -> bool:
        return not self.ended and self.stop_reason is None

    @property
    def has_ended_block(self) -> bool:
        return self.index > 0 or (self.index == 0 and self.open is None)

    @property
    def may_end(self) -> bool:
        return not self.ended and self.events_to_come <= 0

    @property
    def is_whole(self) -> bool:
        return self.stop_reason is not None and self.metadata_told


class AnySequence(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.translator = make_translator()
        self.stream = b""

    def send(self, event: str, payload: dict[str, Any]) -> None:
        headers = {":message-type": "event", ":event-type": event}
        self.model.events_to_come -= 1
        self.stream += self.translator.feed(Frame(headers, json.dumps({**payload, "p": "abc"}).encode()))

    def block_of(self, kind: str, *, new: bool, skipped: int) -> Said:
        """The open block if it is of this kind; otherwise the next one, with or without a stop of the last."""
        model = self.model
        if model.open is None or model.open.kind != kind or new:
            model.open = Said(kind)
            model.blocks.append(model.open)
            model.index += 1 + skipped
        return model.open

    def delta(self, content: dict[str, Any]) -> None:
        self.send("contentBlockDelta", {"contentBlockIndex": self.model.index, "delta": content})

    # --- what Bedrock may send

    @initialize(tells_start=st.booleans(), events=st.integers(4, 16))
    def begin(self, tells_start: bool, events: int) -> None:
        """Fixtures without a messageStart have been published."""
        self.model.events_to_come = events
        if tells_start:
            self.send("messageStart", {"role": "assistant"})
            self.model.started = True

    @precondition(lambda self: self.model.takes_content)
    @rule(piece=PIECES, new=st.booleans(), skipped=st.integers(0, 1))
    def say(self, piece: str, new: bool, skipped: int) -> None:
        self.block_of(TEXT, new=new, skipped=skipped).text += piece
        self.delta({"text": piece})

    @precondition(lambda self: self.model.takes_content)
    @rule(piece=PIECES, new=st.booleans())
    def think(self, piece: str, new: bool) -> None:
        self.block_of(THINKING, new=new, skipped=0).text += piece
        self.delta({"reasoningContent": {"text": piece}})

    @precondition(lambda self: self.model.takes_content)
    @rule(signature=BLOBS)
    def sign(self, signature: str) -> None:
        self.block_of(THINKING, new=False, skipped=0).signature += signature
        self.delta({"reasoningContent": {"signature": signature}})

    @precondition(lambda self: self.model.takes_content)
    @rule(blob=BLOBS, new=st.booleans())
    def think_in_secret(self, blob: str, new: bool) -> None:
        self.block_of(REDACTED, new=new, skipped=0).text += blob
        self.delta({"reasoningContent": {"redactedContent": b64encode(blob.encode()).decode()}})

    @precondition(lambda self: self.model.takes_content)
    @rule(name=NAMES, number=st.integers(0, 3))
    def call_a_tool(self, name: str, number: int) -> None:
        self.block_of(TOOL, new=True, skipped=0).name = name
        start = {"toolUse": {"toolUseId": f"tooluse_{number}", "name": name}}
        self.send("contentBlockStart", {"contentBlockIndex": self.model.index, "start": start})

    @precondition(lambda self: self.model.takes_content and self.model.open and self.model.open.kind == TOOL)
    @rule(fragment=PIECES)
    def give_it_input(self, fragment: str) -> None:
        self.block_of(TOOL, new=False, skipped=0).text += fragment
        self.delta({"toolUse": {"input": fragment}})

    @precondition(lambda self: self.model.takes_content and self.model.open)
    @rule(twice=st.booleans())
    def stop_the_block(self, twice: bool) -> None:
        for _ in range(1 + twice):
            self.send("contentBlockStop", {"contentBlockIndex": self.model.index})
        self.model.open = None

    @precondition(lambda self: not self.model.ended)
    @rule(name=st.sampled_from(["eventFromTheFuture", ""]))
    def say_something_new(self, name: str) -> None:
        before = self.translator.unknown_events
        self.send(name, {"new": True})
        assert self.translator.unknown_events == before + (not self.model.is_whole)

    @precondition(lambda self: not self.model.ended and not self.model.is_whole)
    @rule(tokens=st.integers(0, 10**6))
    def tell_usage(self, tokens: int) -> None:
        self.send("metadata", {"usage": {"inputTokens": tokens, "outputTokens": tokens, "totalTokens": 2 * tokens}})
        self.model.metadata_told = True

    @precondition(lambda self: self.model.takes_content and self.model.may_end)
    @rule(reason=st.sampled_from(REASONS), then=st.sampled_from([None, None, None, *AFTER_THE_STOP]))
    def stop(self, reason: str, then: str | None) -> None:
        """`then` Bedrock goes on all the same, which breaks the rules, unless usage had come before the stop."""
        self.send("messageStop", {"stopReason": reason})
        self.model.open, self.model.stop_reason = None, reason
        if then is not None and not self.model.is_whole:
            self.refuse(then, {"stopReason": "end_turn", "contentBlockIndex": 10**6, "delta": {"text": "x"}})

    @precondition(lambda self: self.model.is_whole and not self.model.ended)
    @rule(event=st.sampled_from(["contentBlockDelta", "messageStop", "metadata", "messageStart"]))
    def say_more_after_the_end(self, event: str) -> None:
        before = self.stream
        self.send(event, {"contentBlockIndex": 10**6, "delta": {"text": "x"}, "stopReason": "end_turn"})
        assert self.stream == before

    # --- how it may break the rules, and how it ends

    @precondition(lambda self: self.model.may_end and self.model.takes_content and self.model.has_ended_block)
    @rule()
    def go_back_to_a_block(self) -> None:
        index = self.model.index if self.model.open is None else self.model.index - 1
        self.refuse("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": "x"}})

    @precondition(lambda self: self.model.may_end and self.model.takes_content)
    @rule(payload=st.sampled_from([{}, {"delta": {"text": "x"}}, {"contentBlockIndex": 10**6, "delta": None}]))
    def send_half_a_delta(self, payload: dict[str, Any]) -> None:
        self.refuse("contentBlockDelta", payload)

    @precondition(lambda self: self.model.may_end and self.model.started and not self.model.is_whole)
    @rule()
    def begin_twice(self) -> None:
        self.refuse("messageStart", {"role": "assistant"})

    def refuse(self, event: str, payload: dict[str, Any]) -> None:
        with pytest.raises(UpstreamProtocolError):
            self.send(event, payload)
        self.model.ended = True

    @precondition(lambda self: self.model.may_end and not self.model.is_whole)
    @rule(name=st.sampled_from(sorted(EXCEPTIONS)))
    def fail(self, name: str) -> None:
        headers = {":message-type": "exception", ":exception-type": name}
        with pytest.raises(EXCEPTIONS[name]):
            self.translator.feed(Frame(headers, b'{"message":"no"}'))
        self.model.ended = True

    @precondition(lambda self: self.model.may_end)
    @rule()
    def end_the_body(self) -> None:
        self.model.ended = True
        if self.model.stop_reason is None:
            with pytest.raises(UpstreamProtocolError):
                self.translator.finish()
            return
        self.stream += self.translator.finish()
        # Usage may be missing: the answer is whole without it.
        self.model.metadata_told = True

    @precondition(lambda self: self.model.ended)
    @rule()
    def leave_it_alone(self) -> None:
        """Hypothesis wants to do something at every step."""

    # --- what always holds

    @invariant()
    def the_caller_is_told_what_was_said(self) -> None:
        reply, model = read_stream(self.stream), self.model
        assert reply.whole == model.is_whole
        told = [said for said in model.blocks if said.is_told]
        if told and told[-1] is model.open and model.open.kind == REDACTED:
            # There is no delta for it: it goes out whole, when its block ends.
            told.pop()
        if model.ended and not model.is_whole:
            # The event that broke the rules may have ended a block that was held back.
            told = told[: len(reply.blocks)]
        assert [block["type"] for block in reply.blocks] == [said.kind for said in told]
        for block, said in zip(reply.blocks, told, strict=True):
            self.compare(block, said)
        if reply.delta is not None:
            assert reply.delta["stop_reason"] == self.expected_stop_reason()

    @staticmethod
    def compare(block: dict[str, Any], said: Said) -> None:
        match said.kind:
            case "thinking":
                assert (block["thinking"], block["signature"]) == (said.text, said.signature)
            case "redacted_thinking":
                assert block["data"] == said.text
            case "tool_use":
                assert (block["name"], block["partial_json"]) == (said.name, said.text)
            case _:
                assert block["text"] == said.text

    def expected_stop_reason(self) -> str:
        reason = str(self.model.stop_reason)
        called = any(said.kind == TOOL for said in self.model.blocks)
        expected = STOP_REASONS.get(reason, reason)
        return "tool_use" if called and expected == "end_turn" else expected
