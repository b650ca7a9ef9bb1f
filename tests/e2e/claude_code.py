"""One Claude Code in print mode, alone in a fresh home, and everything between it and Bedrock.

The simulator runs in the test's own process, so that a test sees what reached Bedrock. Markers in a prompt direct it
(docs/simulator.md). The only way out is the gateway: every other leads into a proxy that lets nobody through.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.simulator import LOCAL_API_KEY, Exchange, Simulator
from tests.e2e.surroundings import DeadEnd, Gateway

# The slowest run sits through a few retries; anything longer is stuck.
RUN_TIMEOUT_SECONDS: Final = 45
MAX_LINE_BYTES: Final = 16 * 1024 * 1024
SHOWN_CHARACTERS: Final = 3_000
SHOWN_MESSAGE_CHARACTERS: Final = 500
UNATTENDED: Final = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "IS_SANDBOX": "1",  # CI is root, and the client skips permissions as root only where it is told that this is safe
}
SKIP_PERMISSIONS: Final = "--dangerously-skip-permissions"
NO_VARIABLES: Final[Mapping[str, str]] = {}
EVENTS: Final = ("--output-format", "stream-json", "--verbose")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the user of one run sees. `output` is standard output, `errors` standard error."""

    exit_code: int
    output: str
    errors: str
    seconds: float

    @property
    def text(self) -> str:
        return self.output.strip()

    @property
    def probe(self) -> dict[str, Any]:
        """What `[[probe]]` reported; it has to be the end of the answer."""
        _, _, report = self.text.rpartition("PROBE ")
        found: dict[str, Any] = json.loads(report)
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of `--output-format stream-json`, or the one of `json`."""
        return [json.loads(line) for line in self.output.splitlines() if line.strip()]

    @property
    def results(self) -> list[dict[str, Any]]:
        """The closing line of each turn, of either JSON format."""
        return [event for event in self.events if event["type"] == "result"]

    def blocks(self, kind: str) -> list[dict[str, Any]]:
        """Content blocks of one type in the messages of `stream-json`, in order."""
        contents = (event.get("message", {}).get("content") for event in self.events)
        return [
            block for content in contents if isinstance(content, list) for block in content if block["type"] == kind
        ]


@dataclass(slots=True)
class ClaudeCode:
    """A client that keeps its home and its folder between runs, so that `--continue` works."""

    binary: Path
    gateway: Gateway
    simulator: Simulator
    home: Path
    folder: Path
    proxy: DeadEnd
    answers: list[Answer] = field(default_factory=list)

    async def ask(
        self,
        prompt: str,
        *arguments: str,
        key: str = LOCAL_API_KEY,
        permissions: str = SKIP_PERMISSIONS,
        **variables: str,
    ) -> Answer:
        """`claude -p`. Text output unless `arguments` want another."""
        began = time.monotonic()
        variables = {"ANTHROPIC_AUTH_TOKEN": key, **variables}
        async with self.started("-p", prompt, permissions, *arguments, variables=variables) as process:
            output, errors = await process.communicate()
        return self._answered(process, output, errors, began)

    async def converse(self, *prompts: str, model: str | None = None) -> Answer:
        """Several turns of one process over standard input, as programs do that embed the client."""
        began, output = time.monotonic(), b""
        arguments = ("-p", "--input-format", "stream-json", *EVENTS, SKIP_PERMISSIONS)
        named = ("--model", model) if model else ()
        async with self.started(*arguments, *named, stdin=asyncio.subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for prompt in prompts:
                message = {"type": "user", "message": {"role": "user", "content": prompt}}
                process.stdin.write(json.dumps(message).encode() + b"\n")
                async for line in process.stdout:
                    output += line
                    if json.loads(line)["type"] == "result":
                        break
            process.stdin.close()
            rest, errors = await process.communicate()
        return self._answered(process, output + rest, errors, began)

    async def kill_during(self, prompt: str, moment: Callable[[], bool]) -> None:
        """Kill the client as soon as `moment` has come, which is looked at with every exchange of the simulator."""
        async with self.started("-p", prompt, SKIP_PERMISSIONS) as process:
            await self.simulator.wait_until(moment)
            _kill_group(process.pid)
            await process.communicate()

    @property
    def requests(self) -> list[Exchange]:
        """What reached Bedrock, oldest first."""
        return [exchange for exchange in self.simulator.exchanges if exchange.model_id is not None]

    @property
    def models(self) -> list[str]:
        """The model of each request, as Bedrock names it."""
        return [exchange.model_id or "" for exchange in self.requests]

    @property
    def statuses(self) -> list[int | None]:
        return [exchange.status for exchange in self.requests]

    @asynccontextmanager
    async def started(
        self,
        *arguments: str,
        stdin: int = asyncio.subprocess.DEVNULL,
        stdout: int = asyncio.subprocess.PIPE,
        stderr: int = asyncio.subprocess.PIPE,
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """A running client. Its standard input is closed unless somebody types: it waits 3 s for one that is open."""
        process = await asyncio.create_subprocess_exec(
            self.binary,
            *arguments,
            cwd=self.folder,
            env=self._environment(variables),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        )
        ending = asyncio.get_running_loop().call_later(RUN_TIMEOUT_SECONDS, _kill_group, process.pid)
        try:
            yield process
        finally:
            ending.cancel()
            _kill_group(process.pid)
            await process.wait()

    def _answered(self, process: asyncio.subprocess.Process, output: bytes, errors: bytes, began: float) -> Answer:
        assert process.returncode is not None
        answer = Answer(process.returncode, output.decode(), errors.decode(), time.monotonic() - began)
        self.answers.append(answer)
        assert answer.seconds < RUN_TIMEOUT_SECONDS, "Claude Code did not end by itself"
        return answer

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "ANTHROPIC_BASE_URL": self.gateway.url,
            "ANTHROPIC_AUTH_TOKEN": LOCAL_API_KEY,
            "HTTP_PROXY": self.proxy.url,
            "HTTPS_PROXY": self.proxy.url,
            "NO_PROXY": "127.0.0.1",
            **UNATTENDED,
            **variables,
        }


def _kill_group(process_id: int) -> None:
    """The client and what it started: shells, MCP servers."""
    try:
        os.killpg(process_id, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # all of them have ended; macOS says it the second way


def describe(claude: ClaudeCode) -> str:
    """Everything one needs to see why a check failed."""
    parts = [
        f"--- run {number}: exit code {answer.exit_code} after {answer.seconds:.1f} s\n"
        f"{_shortened(answer.output)}\n{_shortened(answer.errors)}"
        for number, answer in enumerate(claude.answers, 1)
    ]
    parts += map(_describe_exchange, claude.requests)
    return "\n".join([*parts, f"--- tried to leave: {claude.proxy.visitors}"])


def _describe_exchange(exchange: Exchange) -> str:
    """The latest message says where the conversation stands; what came before is in the exchanges above."""
    messages = (exchange.body or {}).get("messages") or [None]
    outcome = f"{exchange.operation} {exchange.model_id}: {exchange.status}, {exchange.outcome}"
    last = json.dumps(messages[-1], ensure_ascii=False)
    return f"--- {outcome}, {len(messages)} messages, the last:\n{_shortened(last, SHOWN_MESSAGE_CHARACTERS)}"


def _shortened(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    """The end matters most: the error, what was asked."""
    return text if len(text) <= characters else f"... {text[-characters:]}"
