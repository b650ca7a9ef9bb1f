"""The rig as one object: Bedrock's stand-in and its clients on one core, whoever is measured on the other."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contender import Contender
from benchmarks.rig.answers import write_answer
from benchmarks.rig.build import build
from benchmarks.rig.processes import Running, cores, free_port, process, wait_ready

LOAD_TIMEOUT_SECONDS = 120


class RigError(Exception):
    """The rig did not do what it must: no number of this run is worth anything."""


@dataclass(frozen=True)
class Pace:
    """How an answer of so many deltas is sent: `frames` a write (0: all of them), a write each `interval_us`."""

    deltas: int
    frames: int = 0
    interval_us: int = 0


class Rig:
    def __init__(self, folder: Path, programs: Path, bedrock_port: int, secrets_port: int) -> None:
        self.folder = folder
        self.bedrock_port = bedrock_port
        self.secrets_port = secrets_port
        self.gateway_core, self.rig_core = cores()
        self._programs = programs

    def answer(self, pace: Pace) -> None:
        """What Bedrock answers from now on; streams that have begun go on as they began."""
        path = self.folder / f"answer-{pace.deltas}"
        if not path.exists():
            write_answer(path, pace.deltas)
        self._ask("POST", f"/control?answer={path}&frames={pace.frames}&interval={pace.interval_us}")

    def stats(self) -> Any:
        return self._ask("GET", "/stats")

    def wait_open(self, streams: int) -> None:
        """Until so many answers are being sent at once."""
        ends = time.monotonic() + 15
        while self.stats()["open"] < streams:
            if time.monotonic() > ends:
                raise RigError(f"{self.stats()['open']} streams were open at once, not {streams}")
            time.sleep(0.05)

    def wait_idle(self) -> None:
        """Until no answer is being sent any more; each ends by itself."""
        ends = time.monotonic() + LOAD_TIMEOUT_SECONDS
        while self.stats()["open"] > 0:
            if time.monotonic() > ends:
                raise RigError("an answer of the stand-in for Bedrock does not end")
            time.sleep(0.1)

    def reference(self, contender: Contender, port: int, request: Path, deltas: int) -> Path:
        """What the contender makes of this answer, in one piece: what all its replies must equal."""
        saved = self.folder / f"{contender.name}-{deltas}.reply"
        self.answer(Pace(deltas))
        self._run(self._load_argv(contender, port, request, "--save", str(saved)))
        return saved

    def load(self, running: Running, pace: Pace, *options: str, request: Path | None = None) -> Any:
        """The figures of load.c for the contender under this load. Raises `RigError` for a wrong or a lost reply."""
        saved = self.reference(running.contender, running.port, request or running.request, pace.deltas)
        self.answer(pace)
        argv = self._load_argv(
            running.contender, running.port, request or running.request, "--expect", str(saved), *options
        )
        return checked(json.loads(self._run(argv)), running.contender.name)

    def begin_load(self, running: Running, saved: Path, *options: str) -> subprocess.Popen[bytes]:
        """One that goes on while something else is measured; `end_load` gives its figures."""
        argv = self._load_argv(running.contender, running.port, running.request, "--expect", str(saved), *options)
        return subprocess.Popen(argv, stdout=subprocess.PIPE)

    @staticmethod
    def end_load(begun: subprocess.Popen[bytes], name: str) -> Any:
        written, _ = begun.communicate(timeout=LOAD_TIMEOUT_SECONDS)
        return checked(json.loads(written), name)

    def _load_argv(self, contender: Contender, port: int, request: Path, *options: str) -> list[str]:
        pinned = ["taskset", "-c", str(self.rig_core), str(self._programs / "load")]
        what = ["--port", str(port), "--request", str(request), "--event", contender.event, "--first", contender.first]
        return [*pinned, *what, *options]

    @staticmethod
    def _run(argv: list[str]) -> str:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=LOAD_TIMEOUT_SECONDS, check=False)
        if done.returncode != 0:
            raise RigError(done.stderr.strip())
        return done.stdout

    def _ask(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.bedrock_port, timeout=5)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise RigError(f"the stand-in for Bedrock refused {path}")
        return json.loads(text)


def checked(figures: Any, name: str) -> Any:
    if figures["wrong"] or figures["failed"]:
        raise RigError(f"{name}: {figures['wrong']} replies were wrong and {figures['failed']} failed: {figures}")
    return figures


@contextmanager
def open_rig(folder: Path) -> Iterator[Rig]:
    folder.mkdir(parents=True, exist_ok=True)
    programs = build()
    rig = Rig(folder, programs, free_port(), free_port())
    simulator = (sys.executable, "-m", "gateway", "simulate", "--port", str(rig.secrets_port))
    with (
        process([str(programs / "upstream"), str(rig.bedrock_port)], rig.rig_core, folder / "upstream.log") as bedrock,
        # Secrets Manager and the listing of profiles; Bedrock itself is the stand-in above.
        process(simulator, rig.rig_core, folder / "simulator.log") as secrets,
    ):
        wait_ready(bedrock, rig.bedrock_port, "/", folder / "upstream.log")
        wait_ready(secrets, rig.secrets_port, "/", folder / "simulator.log")
        yield rig
