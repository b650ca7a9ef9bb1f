"""Users that behave like sessions of Claude Code, for locust: `make load`, or `locust -f` with this file.

A session grows: each turn sends all that was said before, with the tools and the system prompt of a real request
(`tests/captures`). Where the model asks for a tool, its result goes back and the turn goes on. Between turns come a
pause, bursts of token counts, the side call for a title, and now and then somebody presses Escape in mid-stream.

A stream counts as answered only with its `message_stop`. Rows of the statistics besides the requests, in milliseconds
but for the last: TTFT, the first token; GAP, the 99th percentile of the gaps between the events of a stream; TOK/S,
tokens a second. What Bedrock throttles (429, 529) is THROTTLED, and no failure.
"""

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from locust import HttpUser, between, events, task
from locust.env import Environment
from locust.exception import StopUser

CAPTURES = Path(__file__).parents[1] / "captures"
FIRST = json.loads((CAPTURES / "sonnet45_first.json").read_text())["body"]
TITLE = json.loads((CAPTURES / "interactive_title.json").read_text())["body"]
KEY = "CHATRIX_API_KEY"
# Set by `make load` where the simulator answers: its markers make it say and do more than it would by itself.
SCRIPTED = "CHATRIX_LOAD_SCRIPTED"
MODEL = os.environ.get("CHATRIX_LOAD_MODEL", "claude-sonnet-4-5")
THROTTLES = frozenset({429, 529})
TOOL_TURNS = 3
LONGEST_CONVERSATION = 40
COUNTS_A_BURST = 5
FAILURE_SHARE = 0.01


class BrokenStreamError(Exception):
    """A stream ended without `message_stop`, or with an error."""


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    parser.add_argument("--max-ttft-ms", type=float, default=5_000.0, help="p95 of the first token, or the run fails")
    parser.add_argument("--max-pause", type=float, default=5.0, help="the longest pause between two turns, seconds")


class ClaudeCode(HttpUser):
    """One developer. `messages` is what was said so far."""

    def wait_time(self) -> float:
        return float(between(0.1, self.environment.parsed_options.max_pause)(self))

    def on_start(self) -> None:
        key = os.environ.get(KEY, "")
        if not key:
            print(f"load: {KEY} is not set: whoever runs the gateway gives out keys")
            raise StopUser
        self.client.headers.update({"authorization": f"Bearer {key}", "anthropic-version": "2023-06-01"})
        self.messages: list[dict[str, Any]] = []

    @task(12)
    def turn(self) -> None:
        """A question, and as many tool calls as its answer wants."""
        if len(self.messages) > LONGEST_CONVERSATION:
            self.messages = []  # /clear
        self.messages.append({"role": "user", "content": question()})
        for _ in range(TOOL_TURNS):
            answer = self.ask(self.body())
            if answer is None:
                self.messages = self.messages[:-1] if self.messages[-1]["role"] == "user" else self.messages
                return
            self.messages.append({"role": "assistant", "content": answer["content"]})
            results = tool_results(answer["content"])
            if not results:
                return
            self.messages.append({"role": "user", "content": results})
        self.messages = []

    @task(2)
    def count_tokens(self) -> None:
        body = {name: FIRST[name] for name in ("tools", "system")} | {"model": MODEL}
        for number in range(COUNTS_A_BURST):
            said = [{"role": "user", "content": f"Count this, part {number}. " + "words and more words " * 20}]
            with self.client.post(
                "/v1/messages/count_tokens", json={**body, "messages": said}, catch_response=True
            ) as response:
                self.judge(response)

    @task(1)
    def title(self) -> None:
        """The side call for the title of a session. Small, and streamed like the others."""
        self.ask({**TITLE, "model": MODEL}, name="title")

    @task(1)
    def press_escape(self) -> None:
        """Leaves in the middle of an answer. What was said is not part of the conversation then."""
        said = "[[drip:60 0.05]]" if os.environ.get(SCRIPTED) else "Write a long story about a lighthouse."
        body = self.body() | {"messages": [*self.messages, {"role": "user", "content": said}]}
        self.ask(body, name="left", leave_after=random.randint(3, 20))

    def body(self) -> dict[str, Any]:
        kept = {name: FIRST[name] for name in ("system", "tools", "metadata")}
        return {**kept, "model": MODEL, "max_tokens": 1024, "stream": True, "messages": self.messages}

    def ask(self, body: dict[str, Any], name: str = "turn", leave_after: int | None = None) -> dict[str, Any] | None:
        """The whole answer. None: it was throttled, refused, broken or left."""
        began = time.perf_counter()
        with self.client.post(
            "/v1/messages", json=body, name=f"/v1/messages ({name})", stream=True, catch_response=True
        ) as response:
            if not self.judge(response):
                return None
            reader = Reader(began)
            try:
                for count, event in enumerate(sse(response.iter_content(None))):
                    reader.take(event)
                    if leave_after is not None and count >= leave_after:
                        response.close()
                        return None
                reader.check()
            except Exception as error:  # noqa: BLE001  # whatever breaks off is counted
                # An error event may be a throttle that came late.
                response.failure(BrokenStreamError(str(error)))
                fire("BROKEN", name, 0, BrokenStreamError(str(error)))
                return None
            reader.report(name)
            return {"content": reader.content}

    def judge(self, response: Any) -> bool:
        if response.status_code in THROTTLES:
            fire("THROTTLED", str(response.status_code), 0)
            response.success()
            return False
        if response.status_code != 200:
            response.failure(f"HTTP {response.status_code}: {response.text[:200]}")
            return False
        return True


class Reader:
    """One stream, strictly: its blocks, and when its events came."""

    def __init__(self, began: float) -> None:
        self.content: list[dict[str, Any]] = []
        self._began = began
        self._arrivals: list[float] = []
        self._partial: dict[int, str] = {}
        self._tokens = 0
        self._whole = False

    def take(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "error":
            raise BrokenStreamError(event["error"]["type"])
        if kind == "content_block_start":
            self.content.append(dict(event["content_block"]))
        elif kind == "content_block_delta":
            self._arrivals.append(time.perf_counter())
            self._add(event["index"], event["delta"])
        elif kind == "content_block_stop" and event["index"] in self._partial:
            self.content[event["index"]]["input"] = json.loads(self._partial[event["index"]] or "{}")
        elif kind == "message_delta":
            self._tokens = event["usage"].get("output_tokens", 0)
        elif kind == "message_stop":
            self._whole = True

    def _add(self, index: int, delta: dict[str, Any]) -> None:
        block = self.content[index]
        if delta["type"] == "input_json_delta":
            self._partial[index] = self._partial.get(index, "") + delta["partial_json"]
            return
        for name in ("text", "thinking", "signature"):
            if name in delta:
                block[name] = block.get(name, "") + delta[name]

    def check(self) -> None:
        if not self._whole:
            raise BrokenStreamError("no message_stop")

    def report(self, name: str) -> None:
        if not self._arrivals:
            return
        fire("TTFT", name, (self._arrivals[0] - self._began) * 1000)
        gaps = sorted(after - before for before, after in zip(self._arrivals, self._arrivals[1:], strict=False))
        if gaps:
            fire("GAP", name, gaps[int(len(gaps) * 0.99)] * 1000)
        if (seconds := self._arrivals[-1] - self._arrivals[0]) > 0:
            fire("TOK/S", name, self._tokens / seconds)


def sse(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The events of a body that comes in pieces. Text behind the last one is a broken stream."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n\n")
        for event in whole:
            yield json.loads(event.partition(b"data: ")[2])
    if rest:
        raise BrokenStreamError("the body ends inside an event")


def question() -> str:
    if not os.environ.get(SCRIPTED):
        return random.choice(("Which files are here?", "Explain the last result in two sentences.", "Say hello."))
    if random.random() < 0.4:
        return '[[tool:Bash {"command":"ls"}]] [[then]] [[say:That is all there is.]]'
    return f"[[drip:{random.randint(5, 40)} 0.02]]"


def tool_results(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    said = "total 12\ndrwxr-xr-x  src\n-rw-r--r--  README.md\n" * random.randint(1, 40)
    return [
        {"type": "tool_result", "tool_use_id": block["id"], "content": said}
        for block in content
        if block["type"] == "tool_use"
    ]


def fire(kind: str, name: str, value: float, error: Exception | None = None) -> None:
    events.request.fire(
        request_type=kind, name=name, response_time=value, response_length=0, exception=error, context={}
    )


@events.quitting.add_listener
def sum_up(environment: Environment, **_: Any) -> None:
    """The last words of a run, and its exit code."""
    stats = environment.stats
    by_kind: dict[str, list[Any]] = {}
    for (_, kind), entry in stats.entries.items():
        by_kind.setdefault(kind, []).append(entry)
    broken = sum(entry.num_failures for entry in by_kind.get("BROKEN", []))
    throttled = sum(entry.num_requests for entry in by_kind.get("THROTTLED", []))
    requests = sum(entry.num_requests for entry in by_kind.get("POST", []))
    failures = sum(entry.num_failures for entry in by_kind.get("POST", []))
    ttft = max((entry.get_response_time_percentile(0.95) for entry in by_kind.get("TTFT", [])), default=0)
    gap = max((entry.get_response_time_percentile(0.95) for entry in by_kind.get("GAP", [])), default=0)
    limit = environment.parsed_options.max_ttft_ms
    reasons = [
        *([f"{broken} broken streams"] if broken else []),
        *([f"{failures} of {requests} requests failed"] if failures > requests * FAILURE_SHARE else []),
        *([f"p95 to the first token is {ttft:.0f} ms, over {limit:.0f}"] if ttft > limit else []),
        *(["no request was answered"] if requests == 0 or not by_kind.get("TTFT") else []),
    ]
    print(
        f"\nload: {requests} requests, {failures} failed, {throttled} throttled, {broken} broken streams; "
        f"first token p95 {ttft:.0f} ms, gap p99 {gap:.0f} ms (p95 of streams)"
    )
    print(f"load: FAILED: {'; '.join(reasons)}" if reasons else "load: passed")
    environment.process_exit_code = 1 if reasons else 0
