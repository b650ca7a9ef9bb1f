"""The log, and what AWS says: every line one JSON object, nothing secret in it, nothing forged; and no answer that
tells a caller about the AWS account behind the gateway.

Whatever is shown of a request in the log is there on purpose: its path without the query, the model's name, the session
that Claude Code names. All of it is a client's text, and stays inside its JSON string.
"""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import pytest

from gateway.simulator import LOCAL_API_KEY, Refusal, Simulator, SimulatorOptions, Trouble, open_simulator
from tests.faults.raw_http import exchange
from tests.faults.raw_requests import MALFORMED
from tests.server.test_serve import ROOT, environment
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import Gateway, asking, aws_environment, run_gateway

CANARY: Final = "canary-of-the-log"
WRONG_KEY: Final = f"ck-{CANARY}-wrong-key"
ESCAPES: Final = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2028\u2066"
FORGED: Final = '{"level":"INFO","message":"forged"}'
ANNOUNCED: Final = re.compile(r"chatrix \S+ on (http://[\d.]+:\d+), answered by ")
# Never as they are: they move a terminal's cursor, turn text around, or end a line for some readers.
UNPRINTABLE: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(slots=True)
class Output:
    """A process, and what it has written so far."""

    running: asyncio.subprocess.Process
    url: str = ""
    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Fails if a line is no JSON object, but for the one that says where the gateway listens."""
        announced = [line for line in self.stdout if ANNOUNCED.match(line)]
        assert len(announced) == 1
        entries = [json.loads(line) for line in self.stdout if line not in announced]
        assert all(isinstance(entry, dict) for entry in entries)
        return entries

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["message"] == "request"]


@asynccontextmanager
async def logging_everything(simulator: Simulator, **variables: str) -> AsyncIterator[Output]:
    """`serve` at the level DEBUG, its two outputs apart. Ended when the context is left, with all that it wrote."""
    settings = {"PORT": "0", "LOG_LEVEL": "DEBUG", **aws_environment(simulator.url), **variables}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve"),
        cwd=ROOT,
        env=environment(**settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output = Output(running)
    announced = asyncio.Event()
    assert running.stdout is not None
    assert running.stderr is not None
    reading = [
        asyncio.create_task(keep_lines(running.stdout, output.stdout, announced)),
        asyncio.create_task(keep_lines(running.stderr, output.stderr, announced)),
    ]
    try:
        async with asyncio.timeout(20):
            while not (found := ANNOUNCED.search("".join(output.stdout))):
                assert running.returncode is None, output.stderr
                announced.clear()
                await announced.wait()
        output.url = found[1]
        yield output
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await running.wait() == 0
            await asyncio.gather(*reading)
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
        for task in reading:
            task.cancel()


async def keep_lines(stream: asyncio.StreamReader, lines: list[str], more: asyncio.Event) -> None:
    async for line in stream:
        lines.append(line.decode())
        more.set()
    more.set()


async def send(output: Output, body: Any, path: str = "/v1/messages", **headers: str) -> tuple[int, bytes]:
    sent = {"x-api-key": LOCAL_API_KEY, **headers}
    async with aiohttp.ClientSession() as session:
        async with session.post(output.url + path, json=body, headers=sent) as response:
            return response.status, await response.read()


def full_of_canaries() -> list[dict[str, Any]]:
    """Requests that say the canary wherever a user's words can stand, and what goes wrong with them."""
    said = f"{CANARY} {ESCAPES} \n{FORGED}\n"
    tool = {"name": f"t_{CANARY}", "description": said, "input_schema": {"type": "object", CANARY: said}}
    call = {"type": "tool_use", "id": "t", "name": f"t_{CANARY}", "input": {CANARY: said}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": said}
    return [
        asking(f"[[say:{CANARY}]]", system=said, tools=[tool], stop_sequences=[CANARY], metadata={"user_id": said}),
        asking(f"[[say:{CANARY}]]", stream=True),
        asking(f"[[think:{CANARY}]][[tool:t_{CANARY} {{}}]]", tools=[tool], stream=True),
        asking("x", messages=[{"role": "user", "content": said}, {"role": "assistant", "content": [call]},
                              {"role": "user", "content": [result]}], tools=[tool]),
        asking(f"[[say:{CANARY}]][[cut]]", stream=True),
        asking(f"[[say:{CANARY}]][[badjson]]", stream=True),
        asking(f"[[say:{CANARY}]][[garbage:50]]"),
        asking(f"[[error:ValidationException messages.0.content: {CANARY} is not allowed]]"),
        asking(f"[[streamerror:ValidationException messages.0.content: {CANARY} is not allowed]]", stream=True),
        asking(f"[[say:{CANARY}]]", messages=[{"role": CANARY, "content": said}]),
        asking(f"[[say:{CANARY}]]", messages=[{"role": "user", "content": [{"type": CANARY, "text": said}]}]),
        asking(f"[[say:{CANARY}]]", tools=[{"type": CANARY, "name": CANARY}]),
        asking(f"[[say:{CANARY}]]", tool_choice={"type": "tool", "name": CANARY}),
        asking(f"[[say:{CANARY}]]", max_tokens=CANARY),
        asking(f"[[say:{CANARY}]]", temperature=CANARY),
        asking("x", messages=[{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": CANARY}}]}]),
        asking("x", messages=[{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": CANARY, "data": "QUJD"}}]}]),
    ]  # fmt: skip


async def ask_with_canaries(output: Output) -> int:
    """How many requests it has sent."""
    bodies = full_of_canaries()
    for body in bodies:
        status, _ = await send(output, body, f"/v1/messages?key={CANARY}&api_key={LOCAL_API_KEY}")
        assert status in (200, 400, 500, 502, 529)
    await send(
        output, asking("hello"), **{"user-agent": CANARY, "cookie": CANARY, "traceparent": CANARY, "x-app": CANARY}
    )
    await send(output, asking("hello"), **{"anthropic-version": "2023-06-01", "x-chatrix-strict": CANARY})
    keys = [WRONG_KEY, CANARY, f"{CANARY}\u00e9", f'"{LOCAL_API_KEY}"', LOCAL_API_KEY[:-1]]
    for key in keys:
        await send(output, asking(CANARY), **{"x-api-key": key})
        await send(output, asking(CANARY), **{"x-api-key": "", "authorization": f"Bearer {key}"})
    return len(bodies) + 2 + 2 * len(keys)


async def test_every_line_is_json_and_nothing_secret_is_in_any() -> None:
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with logging_everything(simulator) as output:
            count = await ask_with_canaries(output)
            for name, sent in MALFORMED.items():
                await exchange(output.url, sent.replace(b"outer", CANARY.encode()) + b"\r\n\r\n")
                assert output.running.returncode is None, name
    assert output.stderr == []
    # Some of the malformed ones are found out in their bodies: they are requests as well.
    assert len(output.requests) >= count
    written = "".join(output.stdout)
    assert CANARY not in written
    assert LOCAL_API_KEY not in written
    assert LOCAL_API_KEY[:-1] not in written


async def test_no_client_can_write_a_line_or_an_escape_of_its_own() -> None:
    """In the three places where its words are logged on purpose, and in the others as well."""
    told = f"{ESCAPES}\r\n{FORGED}\n"
    encoded = "".join(f"%{byte:02x}" for byte in told.encode())
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with logging_everything(simulator) as output:
            await send(output, asking("hello", model=told))
            await send(output, asking("hello", model=f"claude-sonnet-4-5{told}"))
            await send(output, {**asking("hello"), told: 1})
            for path in (f"/{encoded}", f"/v1/models/{encoded}", f"/v1/messages?{encoded}"):
                head = (
                    f"GET {path} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {LOCAL_API_KEY}\r\nconnection: close\r\n\r\n"
                )
                await exchange(output.url, head.encode())
            for raw in (b"\x9b31m", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xff\xfe", b'a","level":"forged', b"\\u000a"):
                head_bytes = (
                    b"GET / HTTP/1.1\r\nhost: gateway\r\nx-claude-code-session-id: %s\r\nconnection: close\r\n\r\n"
                    % raw
                )
                await exchange(output.url, head_bytes)
                await send(output, asking("hello"), **{"x-claude-code-session-id": raw.decode("latin-1")})
    assert output.stderr == []
    assert len(output.requests) == 3 + 3 + 2 * 6
    assert not [entry for entry in output.entries if entry["message"] == "forged" or entry["level"] == "forged"]
    for line in output.stdout:
        assert not UNPRINTABLE.search(line), line


# What AWS's texts hold, and no caller may read. The words around them may stay.
SECRETS_OF_AWS: Final = {
    "arn": "arn:aws:sts::210987654321:assumed-role/gateway-role/session",
    "profile": "arn:aws:bedrock:us-west-2:210987654321:application-inference-profile/abcdefghijkl",
    "account": "210987654321",
    "account in groups": "2109-8765-4321",
    "host": "bedrock-runtime.us-west-2.amazonaws.com",
    "private host": "ip-10-1-2-3.us-west-2.compute.internal",
    "endpoint": "https://vpce-0a1b2c3d4e5f67890-abcdefgh.bedrock-runtime.us-west-2.vpce.amazonaws.com/model",
    "address": "10.1.2.3",
    "access key": "AKIAIOSFODNN7EXAMPLE",
    "session key": "ASIAIOSFODNN7EXAMPLE",
    "bucket": "s3://secret-bucket/prompts",
}
EXCEPTIONS: Final = (
    "AccessDeniedException",
    "ExpiredTokenException",
    "InternalServerException",
    "ModelErrorException",
    "ModelNotReadyException",
    "ModelTimeoutException",
    "ResourceNotFoundException",
    "ServiceQuotaExceededException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnrecognizedClientException",
    "ValidationException",
)
IN_STREAMS: Final = (
    "InternalServerException",
    "ModelStreamErrorException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "ValidationException",
)
QUOTING: Final = " ; ".join(f"User {secret} is not authorized to call {secret}" for secret in SECRETS_OF_AWS.values())
LIBRARIES: Final = ("botocore", "aiobotocore", "aiohttp", "Traceback", 'File "', "site-packages")


def assert_tells_nothing(raw: bytes) -> None:
    told = raw.decode()
    assert [name for name, secret in SECRETS_OF_AWS.items() if secret in told] == []
    assert [name for name in LIBRARIES if name in told] == []


@pytest.mark.parametrize("exception", EXCEPTIONS)
async def test_no_refusal_of_bedrock_tells_about_the_account(gateway: Gateway, exception: str) -> None:
    for stream in (False, True):
        async with gateway.post(asking(f"[[error:{exception} {QUOTING}]]", stream=stream)) as response:
            raw = await response.read()
            assert response.status >= 400
            assert response.status != 401
            assert_tells_nothing(raw)
            headers = [header for header in response.headers.items() if header[0] != "Server"]
            assert_tells_nothing(json.dumps(headers).encode())


@pytest.mark.parametrize("exception", IN_STREAMS)
async def test_nor_does_one_inside_a_stream(gateway: Gateway, exception: str) -> None:
    body = asking(f"[[say:begun]][[streamerror:{exception} {QUOTING}]]", stream=True)
    async with gateway.post(body) as response:
        raw = await response.read()
    assert read_stream(raw).error is not None
    assert_tells_nothing(raw)


@pytest.mark.parametrize("exception", ["AccessDeniedException", "ValidationException", "ThrottlingException"])
async def test_nor_do_counting_looking_up_and_the_key_secret(exception: str) -> None:
    """The other operations of AWS that a request may need."""
    trouble = Trouble(Refusal(exception, QUOTING))
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator, run_gateway(simulator) as gateway:
        for operation in ("CountTokens", "ListInferenceProfiles", "GetInferenceProfile"):
            simulator.troubles[operation] = trouble
        body = {name: value for name, value in asking("hello").items() if name != "max_tokens"}
        profile = SECRETS_OF_AWS["profile"].replace(SECRETS_OF_AWS["account"], "000000000000")
        for model in ("claude-sonnet-4-5", "claude-nobody-9", profile):
            async with gateway.post({**body, "model": model}, "/v1/messages/count_tokens") as response:
                assert_tells_nothing(await response.read())
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        simulator.troubles["GetSecretValue"] = trouble
        async with run_gateway(simulator) as gateway, gateway.post(asking("hello")) as response:
            assert response.status == 500
            assert_tells_nothing(await response.read())


@pytest.mark.parametrize("exception", [*EXCEPTIONS, "ModelStreamErrorException"])
async def test_the_log_tells_of_aws_words_no_account_either(exception: str) -> None:
    """It is read by more people than those who may see the account."""
    async with open_simulator(SimulatorOptions(tokens_per_second=0)) as simulator:
        async with logging_everything(simulator) as output:
            await send(output, asking(f"[[error:{exception} {QUOTING}]]"))
            await send(output, asking(f"[[say:begun]][[streamerror:{exception} {QUOTING}]]", stream=True))
    assert len(output.requests) == 2
    assert_tells_nothing("".join(output.stdout).encode())


async def test_no_answer_names_the_software_behind_it_or_its_version(gateway: Gateway) -> None:
    """A list of versions with known holes begins with such a header."""
    for sent in (b"GET / HTTP/1.1\r\nhost: x\r\n", b"GET /nowhere HTTP/1.1\r\nhost: x\r\n", b"no HTTP\r\n"):
        raw = await exchange(gateway.url, sent + b"connection: close\r\n\r\n")
        assert b"aiohttp" not in raw
        assert b"Python" not in raw
