"""`python -m gateway serve` as others script it: real processes, their output, their exit codes."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.simulator import LOCAL_API_KEY, SimulatorOptions, open_simulator
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import asking, aws_environment

ROOT = Path(__file__).parents[2]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **variables}


@asynccontextmanager
async def process(
    *arguments: str, **variables: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, list[str]]]:
    """A running command, the URL it announced, and the lines it printed until then."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        cwd=ROOT,
        env=environment(PORT="0", **variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert running.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(20):
            while not (found := re.search(r"http://[\d.]+:\d+", lines[-1] if lines else "")):
                line = await running.stdout.readline()
                assert line, f"the command ended: {lines}"
                lines.append(line.decode())
        yield running, found[0], lines
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def post(url: str, body: dict[str, Any]) -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/v1/messages", json=body, headers={"x-api-key": LOCAL_API_KEY}) as response:
            return response.status, await response.read()


async def stop(running: asyncio.subprocess.Process, number: signal.Signals) -> tuple[int, str]:
    running.send_signal(number)
    async with asyncio.timeout(10):
        output, _ = await running.communicate()
    assert running.returncode is not None
    return running.returncode, output.decode()


async def test_serve_simulate_prints_what_claude_code_needs_and_answers() -> None:
    async with process("serve", "--simulate", "--tokens-per-second", "0") as (running, url, lines):
        assert running.stdout is not None
        while "Ctrl-C" not in lines[-1]:
            lines.append((await running.stdout.readline()).decode())
        printed = "".join(lines)
        assert f"export ANTHROPIC_BASE_URL={url}\n" in printed
        assert f"export ANTHROPIC_AUTH_TOKEN={LOCAL_API_KEY}\n" in printed
        status, raw = await post(url, asking("hello", stream=True))
        assert status == 200
        assert read_stream(raw).whole
        code, _ = await stop(running, signal.SIGINT)
        assert code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_server_stops_at_once_with_exit_code_0(number: signal.Signals) -> None:
    async with process("serve", "--simulate") as (running, _, _):
        began = asyncio.get_running_loop().time()
        code, _ = await stop(running, number)
        assert code == 0
        assert asyncio.get_running_loop().time() - began < 2


async def test_sigterm_lets_a_stream_end_and_takes_no_new_requests() -> None:
    async with process("serve", "--simulate", "--tokens-per-second", "0") as (running, url, _):
        headers = {"x-api-key": LOCAL_API_KEY}
        body = asking("[[drip:10 0.1]]", stream=True)
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{url}/v1/messages", json=body, headers=headers) as response:
                head = await response.content.readuntil(b"drip0")
                running.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.2)  # let the signal arrive
                with pytest.raises(aiohttp.ClientConnectorError):
                    await post(url, asking("hello"))
                assert read_stream(head + await response.read()).whole
        async with asyncio.timeout(10):
            assert await running.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stream_that_outlives_the_grace_ends_with_an_error_event(number: signal.Signals) -> None:
    """On Ctrl-C the grace is short whatever the setting says."""
    grace = "0.5" if number == signal.SIGTERM else "60"
    async with process("serve", "--simulate", CHATRIX_GRACE_SECONDS=grace) as (running, url, _):
        body = asking("[[say:so far]][[silence:60]]", stream=True)
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{url}/v1/messages", json=body, headers={"x-api-key": LOCAL_API_KEY}) as response:
                head = await response.content.readuntil(b"text_delta")
                began = asyncio.get_running_loop().time()
                running.send_signal(number)
                reply = read_stream(head + await response.read())
        async with asyncio.timeout(10):
            assert await running.wait() == 0
        assert asyncio.get_running_loop().time() - began < 5
    assert reply.error is not None
    assert reply.error["type"] == "overloaded_error"
    assert not reply.whole


async def test_a_request_on_an_open_connection_is_refused_during_the_grace() -> None:
    async with process("serve", "--simulate", "--tokens-per-second", "0") as (running, url, _):
        headers = {"x-api-key": LOCAL_API_KEY}
        async with aiohttp.ClientSession() as session:
            async with session.post(
                f"{url}/v1/messages", json=asking("[[drip:12 0.1]]", stream=True), headers=headers
            ) as first:
                await first.content.readuntil(b"drip0")
                # A second connection, open and idle when the signal comes.
                reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
                body = json.dumps(asking("hello")).encode()
                head = f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {LOCAL_API_KEY}\r\n"
                head += f"content-length: {len(body)}\r\n"
                writer.write(head.encode())
                await asyncio.sleep(0.1)  # the gateway holds half a request
                running.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.2)  # let the signal arrive
                writer.write(b"\r\n" + body)
                async with asyncio.timeout(5):
                    assert (await reader.readline()).startswith(b"HTTP/1.1 529")
                writer.close()
                await first.read()
        async with asyncio.timeout(10):
            assert await running.wait() == 0


async def test_serve_honours_botocores_variables_and_logs_one_line_a_request() -> None:
    async with open_simulator(SimulatorOptions(tokens_per_second=0, secret_name="team/key")) as simulator:
        variables = aws_environment(simulator.url) | {"SecretName": "team/key", "AWS_REGION": "eu-west-1"}
        async with process("serve", **variables) as (running, url, lines):
            assert "eu-west-1" in lines[-1]
            status, _ = await post(url, asking("[[think:deep]][[say:the secret prompt]]", max_tokens=10))
            assert status == 200
            code, output = await stop(running, signal.SIGTERM)
    assert code == 0
    (line,) = [entry for entry in map(json.loads, output.splitlines()) if entry["message"] == "request"]
    assert line["status"] == 200
    assert line["model"] == "claude-sonnet-4-5"
    assert line["model_id"].startswith("eu.anthropic.claude-sonnet-4-5")
    assert line["stop_reason"] == "end_turn"
    assert line["output_tokens"] > 0
    assert line["first_event_ms"] <= line["total_ms"]
    assert line["request_id"].startswith("req_")
    assert line["upstream_request_id"]
    assert "secret prompt" not in output
    assert LOCAL_API_KEY not in output


async def refused_start(*arguments: str, **variables: str) -> tuple[int | None, str]:
    """Exit code and error output of a `serve` that cannot start. It must say why in a sentence, not in a traceback."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "serve",
        *arguments,
        cwd=ROOT,
        env=environment(**{"PORT": "0"} | variables),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            _, errors = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    assert b"Traceback" not in errors
    return running.returncode, errors.decode()


async def test_a_bad_setting_is_told_and_ends_with_2() -> None:
    code, errors = await refused_start(PORT="many")
    assert code == 2
    assert "PORT" in errors


async def test_a_port_in_use_is_told_with_what_to_do() -> None:
    async with process("serve", "--simulate") as (_, url, _):
        code, errors = await refused_start("--simulate", PORT=url.rpartition(":")[2])
    assert code == 1
    assert "PORT=4000" in errors


async def test_without_a_secret_it_starts_answers_500_and_never_401() -> None:
    async with open_simulator(SimulatorOptions(secret_name="another/name")) as simulator:
        async with process("serve", **aws_environment(simulator.url)) as (_, url, _):
            status, raw = await post(url, asking("hello"))
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{url}/ready") as ready, session.get(f"{url}/health") as health:
                    assert (ready.status, health.status) == (503, 200)
    assert status == 500
    assert "prod/chatrix/api-key" in json.loads(raw)["error"]["message"]


async def test_the_simulator_is_used_whatever_the_users_own_aws_and_proxy_settings_say(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nignore_configured_endpoint_urls = true\n")
    variables = {
        "http_proxy": "http://127.0.0.1:9",
        "no_proxy": "localhost",
        "AWS_CONFIG_FILE": str(config),
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_DEFAULT_PROFILE": "nowhere",
        "AWS_PROFILE": "nowhere",
        "AWS_CA_BUNDLE": str(tmp_path / "missing"),
    }
    async with process("serve", "--simulate", "--tokens-per-second", "0", **variables) as (_, url, _):
        status, raw = await post(url, asking("hello"))
    assert status == 200, raw


@pytest.mark.parametrize(
    "variables",
    [{"AWS_PROFILE": "nowhere"}, {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "nonsense"}],
    ids=str,
)
async def test_aws_settings_that_cannot_be_used_are_told_and_end_with_2(variables: dict[str, str]) -> None:
    code, errors = await refused_start(**variables)
    assert code == 2
    assert "chatrix: the AWS settings cannot be used" in errors


async def test_neither_keys_nor_prompts_are_ever_logged() -> None:
    async with process("serve", "--simulate", "--tokens-per-second", "0", LOG_LEVEL="DEBUG") as (running, url, lines):
        assert running.stdout is not None
        while "Ctrl-C" not in lines[-1]:
            lines.append((await running.stdout.readline()).decode())
        await post(url, asking("ck_canary hello", stream=True))
        await post(url, asking("[[error:ValidationException messages.0: ck_canary is bad]]"))
        await post(url, {**asking("x"), "messages": [{"role": "ck_canary", "content": "x"}]})
        await post(url, {**asking("x"), "tools": [{"type": "ck_canary", "name": "ck_canary"}]})
        for key in ("ck_canary_of_good_length", "ck_canary\x01", "c" * 20_000 + "ck_canary"):
            await send_raw(url, f"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n\r\n".encode())
        await send_raw(url, b"GET / HTTP/1.1\r\nAuthorization Bearer ck_canary\r\n\r\n")
        _, output = await stop(running, signal.SIGTERM)
    assert "canary" not in output
    entries = [json.loads(line) for line in output.splitlines() if line]
    assert len(entries) >= 8


async def test_of_an_arn_the_log_has_only_what_names_no_account() -> None:
    arn = "arn:aws:bedrock:us-west-2:000000000000:application-inference-profile/simulatedteam"
    async with process("serve", "--simulate", "--tokens-per-second", "0") as (running, url, lines):
        assert running.stdout is not None
        while "Ctrl-C" not in lines[-1]:
            lines.append((await running.stdout.readline()).decode())
        status, _ = await post(url, asking("hello", model=arn))
        assert status == 200
        key = f"x-api-key: {LOCAL_API_KEY}"
        for path in (arn, arn.replace("/", "%2F"), f"{arn}-of-nobody"):
            await send_raw(url, f"GET /v1/models/{path} HTTP/1.1\r\nhost: x\r\n{key}\r\n\r\n".encode())
        await send_raw(url, f"POST /v1/models/{arn} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())
        _, output = await stop(running, signal.SIGTERM)
    entries = [json.loads(line) for line in output.splitlines() if line]
    asked, *looked_up = [entry for entry in entries if entry["message"] == "request"]
    assert (asked["model"], asked["model_id"]) == ("simulatedteam", "simulatedteam")
    assert [entry["path"] for entry in looked_up] == ["/v1/models/{id}"] * 4
    assert "arn:aws" not in output


async def send_raw(url: str, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(sent)
    async with asyncio.timeout(5):
        assert await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_sigterm_waits_for_bytes_that_a_slow_client_has_not_taken() -> None:
    """The answer is settled and logged by then, and still the process's own: its end would be lost with it."""
    async with process("serve", "--simulate", "--tokens-per-second", "0") as (running, url, _):
        assert running.stdout is not None
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", int(url.rpartition(":")[2])))
        reader, writer = await asyncio.open_connection(sock=client, limit=2**13)
        body = json.dumps(asking("[[flood:400 10000]]")).encode()
        head = f"host: x\r\nx-api-key: {LOCAL_API_KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(b"POST /v1/messages HTTP/1.1\r\n" + head.encode() + body)
        async with asyncio.timeout(20):
            while b'"message":"request"' not in await running.stdout.readline():
                pass
        running.send_signal(signal.SIGTERM)
        # As long as aiohttp gives connections on its own, and more.
        await asyncio.sleep(2.0)
        answer = b""
        async with asyncio.timeout(20):
            while more := await reader.read(2**16):
                answer += more
            assert await running.wait() == 0
        writer.close()
    message = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert len(message["content"][0]["text"]) == 400 * 10_000


async def test_an_idle_gateway_ends_at_once() -> None:
    """Python takes itself apart for 0.25 s, and for longer on a small Lambda, which kills 2 s after SIGTERM."""
    seconds = []
    for _ in range(3):
        async with process("serve", "--simulate") as (running, _, _):
            began = time.monotonic()
            code, output = await stop(running, signal.SIGTERM)
            seconds.append(time.monotonic() - began)
        assert code == 0
        assert "Traceback" not in output
    assert min(seconds) < 0.12


async def test_sigterm_counts_from_the_start_on() -> None:
    """The first process of a container never sees a signal that it does not listen for: it would start, and stay."""
    command = (sys.executable, "-m", "gateway", "serve")
    running = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment(PORT="0"))
    async with asyncio.timeout(20):
        while not listens_for(running.pid, signal.SIGTERM):  # noqa: ASYNC110  # the kernel sets no event
            await asyncio.sleep(0.002)
        running.terminate()
        # Not 0, which it is once it serves: the modules that serving takes were still being loaded.
        assert await running.wait() == 128 + signal.SIGTERM


async def test_a_command_whose_output_is_closed_ends_with_its_own_code() -> None:
    command = ("/bin/sh", "-c", 'exec "$0" -m gateway smoke http://127.0.0.1:9 >&-', sys.executable)
    keyless = {name: value for name, value in environment().items() if not name.endswith(("_KEY", "_TOKEN"))}
    running = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=keyless, stderr=asyncio.subprocess.PIPE)
    _, errors = await running.communicate()
    assert running.returncode == 2
    assert b"set an API key" in errors
    assert b"Traceback" not in errors


def listens_for(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)
