"""A double of one execution environment of Lambda: the processes of a function, and what Lambda does to them.

They run while there is an invocation, and are stopped (SIGSTOP, where Lambda freezes the whole machine) from the moment
the answer is complete and the runtime has asked for the next one.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.doubles.invocation import Invocation
from tests.doubles.output import Output
from tests.doubles.report import Report, report_of
from tests.doubles.runtime_api import RuntimeApi

ADAPTER: Final = Path(__file__).with_name("lambda_adapter.py")
ROOT: Final = Path(__file__).parents[2]
# SIGTERM comes 2 s before SIGKILL where an extension is registered, and not at all where none is.
SHUTDOWN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Function:
    """The configuration of a function, and `init_seconds`, which is Lambda's own."""

    variables: Mapping[str, str]
    timeout_seconds: float = 900.0
    init_seconds: float = 10.0
    memory_mb: int = 1024
    invoke_mode: str = "response_stream"
    name: str = "chatrix"
    region: str = "us-west-2"
    command: Sequence[str] = (sys.executable, "-m", "gateway", "serve")

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:123456789012:function:{self.name}:live"


class InitFailed(Exception):
    """The application was not ready in time, or ended."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """How the application ended: its exit code (negative: killed by that signal), and after how many seconds."""

    exit_code: int
    seconds: float


@dataclass(slots=True)
class Environment:
    """Made by `open_environment`. `output` is what the application wrote."""

    function: Function
    api: RuntimeApi
    output: Output
    application: asyncio.subprocess.Process
    adapter: asyncio.subprocess.Process
    frozen: bool = False
    invocations: list[Invocation] = field(default_factory=list)
    _ending: bool = False

    async def wait_initialised(self, seconds: float) -> None:
        """Until the first poll. Raises InitFailed when the application ends, TimeoutError when it takes too long."""
        ended = asyncio.create_task(self.application.wait())
        polled = asyncio.create_task(self.api.polled.wait())
        done, pending = await asyncio.wait((ended, polled), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if ended in done:
            await self.output.wait_ended()
            raise InitFailed(f"ended with code {self.application.returncode}: {self.output.text}")
        if not done:
            raise TimeoutError

    async def invoke(self, event: bytes) -> Invocation:
        """Thaws, and hands the event over. The caller waits for the answer; `settle` freezes afterwards."""
        self.thaw()
        deadline_ms = int((time.time() + self.function.timeout_seconds) * 1000)
        invocation = Invocation(event, deadline_ms, self.function.arn)
        self.invocations.append(invocation)
        await self.api.invoke(invocation)
        return invocation

    async def settle(self, invocation: Invocation) -> None:
        """Until the invocation is over. Then the environment is frozen, or, out of time, ended."""
        left = invocation.deadline_ms / 1000 - time.time()
        try:
            async with asyncio.timeout(left):
                await invocation.wait_ended()
                await self.api.polled.wait()
        except TimeoutError:
            invocation.fail(f"Task timed out after {self.function.timeout_seconds:.2f} seconds")
            await self.kill()
        else:
            if not self._ending:
                self.freeze()

    def report(self, invocation: Invocation) -> Report:
        later = self.invocations[self.invocations.index(invocation) + 1 :]
        return report_of(invocation, later[0] if later else None, self.output.lines)

    @property
    def alive(self) -> bool:
        return self.application.returncode is None and self.adapter.returncode is None

    def freeze(self) -> None:
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.frozen = False
        self._signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """What the application has used so far."""
        fields = Path(f"/proc/{self.application.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def shut_down(self) -> Shutdown:
        """SIGTERM to the application, and SIGKILL to what is left 2 s later."""
        self._ending = True
        self.thaw()
        began = time.monotonic()
        if self.application.returncode is None:
            self.application.terminate()
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self.application.wait()
        except TimeoutError:
            pass
        seconds = time.monotonic() - began
        await self.kill()
        assert self.application.returncode is not None
        return Shutdown(self.application.returncode, seconds)

    async def kill(self) -> None:
        self._signal(signal.SIGKILL)
        await self.application.wait()
        await self.adapter.wait()

    def _signal(self, number: signal.Signals) -> None:
        for process in (self.adapter, self.application):
            if process.returncode is None:
                process.send_signal(number)


@asynccontextmanager
async def open_environment(function: Function, port: int) -> AsyncIterator[Environment]:
    """Starts the application and the adapter; `port` is where the former listens. Leaving ends both, at once.

    Who is not ready in time is started once more, and then has the time that the function has for an invocation: so
    Lambda does it. Raises InitFailed.
    """
    for seconds in (function.init_seconds, function.timeout_seconds):
        async with _started(function, port) as environment:
            try:
                await environment.wait_initialised(seconds)
            except TimeoutError:
                continue
            yield environment
            return
    raise InitFailed(f"not ready within {function.init_seconds:g} s, and then within {function.timeout_seconds:g} s")


@asynccontextmanager
async def _started(function: Function, port: int) -> AsyncIterator[Environment]:
    api = RuntimeApi()
    async with api.serve():
        variables = process_variables(function, api.address, port)
        output = Output()
        application = await asyncio.create_subprocess_exec(
            *function.command, cwd=ROOT, env=variables, stdout=output.writing_end, stderr=output.writing_end
        )
        output.begin()
        adapter = await asyncio.create_subprocess_exec(sys.executable, str(ADAPTER), env=variables)
        environment = Environment(function, api, output, application, adapter)
        try:
            yield environment
        finally:
            await environment.kill()
            await output.wait_ended()


def process_variables(function: Function, runtime_api: str, port: int) -> dict[str, str]:
    """What a process sees: the image's variables, Lambda's own, the function's. None of the machine's AWS settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CHATRIX_"))}
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "PORT": str(port),
        "AWS_LWA_PORT": str(port),
        "AWS_LWA_READINESS_CHECK_PATH": "/health",
        "AWS_LWA_INVOKE_MODE": function.invoke_mode,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_HANDLER": "",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/23/[1]0123456789abcdef",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "example",
        "TZ": ":UTC",
        **function.variables,
    }
