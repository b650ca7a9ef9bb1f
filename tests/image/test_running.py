"""The image as it runs: under no privileges, on a file system that nobody can write to."""

import json
import time
from collections.abc import Callable
from itertools import pairwise

import aiohttp
import pytest

from gateway import __version__
from gateway.simulator import LOCAL_API_KEY, Simulator
from tests.image.build import Image
from tests.image.containers import STRICT, Container, ask, serving
from tests.image.engine import CommandFailed, Engine
from tests.support.anthropic_stream import read_stream
from tests.support.gateway import asking

Say = Callable[[str], None]
KEY = {"x-api-key": LOCAL_API_KEY}
IDLE_STOP_SECONDS = 2.0


async def test_it_answers_health_and_says_where_it_listens(container: Container, say: Say) -> None:
    say(f"process start to /health: {container.ready_seconds:.2f} s")
    assert container.url in container.log()


async def test_an_answer_streams_out_of_it_event_by_event(container: Container, simulator: Simulator, say: Say) -> None:
    body = {**asking("[[drip:5 0.3]]"), "stream": True}
    arrivals: list[float] = []
    stream = b""
    async with (
        aiohttp.ClientSession() as session,
        session.post(container.url + "/v1/messages", json=body, headers=KEY) as response,
    ):
        assert response.status == 200
        async for chunk in response.content.iter_any():
            arrivals += [time.monotonic()] * chunk.count(b"content_block_delta\n")
            stream += chunk
    assert read_stream(stream).text.split() == ["drip0", "drip1", "drip2", "drip3", "drip4"]
    gaps = [after - before for before, after in pairwise(arrivals)]
    say("sent 0.3 s apart, arrived " + ", ".join(f"{gap:.2f}" for gap in gaps) + " s apart")
    assert len(gaps) == 4
    assert all(0.15 < gap < 0.6 for gap in gaps)


async def test_each_aws_api_that_the_gateway_calls_works_in_it(container: Container, simulator: Simulator) -> None:
    """Through botocore's trimmed data: the secret, the answer, the list of profiles, the count of tokens."""
    status, reply = await ask(container.url, {**asking("[[say:hello]]"), "model": "claude-opus-6"})
    assert (status, reply["content"]) == (200, [{"type": "text", "text": "hello"}])
    body = {name: value for name, value in asking("hello").items() if name != "max_tokens"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(container.url + "/v1/messages/count_tokens", json=body, headers=KEY) as response,
    ):
        assert (response.status, response.headers["x-chatrix-count"]) == (200, "exact")
    called = {exchange.operation for exchange in simulator.exchanges if exchange.status == 200}
    assert called >= {"GetSecretValue", "ConverseStream", "ListInferenceProfiles", "CountTokens"}


async def test_an_idle_one_stops_on_sigterm_in_under_two_seconds_with_exit_code_0(
    container: Container, say: Say
) -> None:
    seconds, exit_code = container.terminate()
    say(f"SIGTERM to the end of the process, podman's own time included: {seconds:.2f} s")
    assert (seconds < IDLE_STOP_SECONDS, exit_code) == (True, 0), container.log()


async def test_it_stops_as_fast_after_an_answer_when_connections_are_pooled(container: Container) -> None:
    async with aiohttp.ClientSession() as session:  # stays open: a client that keeps its connection
        async with session.post(container.url + "/v1/messages", json=asking("[[say:x]]"), headers=KEY) as response:
            assert response.status == 200
            await response.read()
        seconds, exit_code = container.terminate()
    assert (seconds < IDLE_STOP_SECONDS, exit_code) == (True, 0), container.log()


async def test_it_runs_as_a_user_without_any_privilege(container: Container) -> None:
    status = container.process_status()
    assert (status["Name"], status["NSpid"].split()[-1]) == ("python", "1"), (
        "the container's process itself, no shell's"
    )
    assert set(container.python("import os; print(*os.getresuid(), *os.getresgid(), *os.getgroups())").split()) == {
        "65532"
    }
    assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"


async def test_its_root_is_read_only_and_serving_writes_nothing(container: Container) -> None:
    assert (await ask(container.url, asking("[[say:hello]]")))[0] == 200
    script = (
        "import os; print(*(p for p in ('/', '/app', '/app/pycache', '/tmp', '/var/tmp') if os.access(p, os.W_OK)))"
    )
    assert container.python(script).split() == []
    # The one place that is never read-only. Python's multiprocessing would leave its semaphores there.
    assert container.python("import os; print(*os.listdir('/dev/shm'))").split() == []
    with pytest.raises(CommandFailed, match="Read-only file system"):
        container.python("open('/tmp/x', 'w')")


async def test_it_needs_no_shell(engine: Engine, image: Image, simulator: Simulator) -> None:
    """Every shell of the base is covered by an empty file that cannot be executed."""
    shells = ("/bin/sh", "/usr/bin/dash", "/usr/bin/bash")
    covered = tuple(f"--volume=/dev/null:{shell}" for shell in shells)
    async with serving(engine, image.name, simulator.url, options=covered) as running:
        assert (await ask(running.url, asking("[[say:hello]]")))[0] == 200
        tried = engine.podman("exec", running.name, "/bin/sh", "-c", "true", check=False)
        assert tried.returncode != 0, "this test would not notice a shell"


async def test_its_log_has_one_line_for_the_request_and_never_the_key(container: Container) -> None:
    assert (await ask(container.url, asking("[[say:hello]]")))[0] == 200
    lines = [json.loads(line) for line in container.log().splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if line.get("path") == "/v1/messages"] == [200]
    assert LOCAL_API_KEY not in container.log()


async def test_nothing_starts_the_adapter_outside_of_lambda(container: Container) -> None:
    listed = "import os; print(*(open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()))"
    processes = container.python(listed)
    assert "serve" in processes
    assert "lambda-adapter" not in processes


async def test_ctrl_c_stops_it_in_order_too(container: Container) -> None:
    container.engine.podman("kill", "--signal", "INT", container.name)
    assert container.engine.podman("wait", container.name).stdout.strip() == "0"


def test_its_other_commands_can_be_run(engine: Engine, image: Image) -> None:
    done = engine.podman("run", "--rm", *STRICT, image.name, "python", "-m", "gateway", "--version")
    assert done.stdout == f"chatrix {__version__}\n"
