"""The bench's own programs: what they count must be so, or no number is worth anything."""

import asyncio
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rig.answers import answer, write_answer
from benchmarks.rig.build import build

REQUEST = b"POST /model/x/converse-stream HTTP/1.1\r\nhost: bench\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = (
    b"POST / HTTP/1.1\r\nhost: bench\r\ntransfer-encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nt: u\r\n\r\n"
)
EVENTS = ("--event", "contentBlockDelta", "--first", '"text"')

# CI installs one, and there its lack is a failure.
pytestmark = pytest.mark.skipif("CI" not in os.environ and shutil.which("cc") is None, reason="needs a C compiler")


@pytest.fixture(scope="module")
def programs() -> Path:
    return build()


@contextmanager
def upstream(programs: Path) -> Iterator[int]:
    with subprocess.Popen([programs / "upstream"], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            yield int(running.stdout.readline().removeprefix("port "))
        finally:
            running.terminate()
    assert running.returncode == 0


def ask(port: int, method: str, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status == 200, (path, response.status)
    return json.loads(text)


def load_argv(programs: Path, port: int, folder: Path, *options: str, request: bytes = REQUEST) -> list[str]:
    (folder / "request").write_bytes(request)
    return [str(programs / "load"), "--port", str(port), "--request", str(folder / "request"), *EVENTS, *options]


def load(programs: Path, port: int, folder: Path, *options: str, request: bytes = REQUEST) -> Any:
    argv = load_argv(programs, port, folder, *options, request=request)
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout)


@pytest.mark.parametrize("request_bytes", [REQUEST, CHUNKED], ids=["length", "chunked"])
def test_every_reply_is_counted_and_equal(programs: Path, tmp_path: Path, request_bytes: bytes) -> None:
    with upstream(programs) as port:
        ask(port, "POST", f"/control?answer={write_answer(tmp_path / 'answer', 50)}&frames=0&interval=0")
        saved = tmp_path / "saved"
        options = ("--streams", "4", "--requests", "5", "--save", str(saved))
        figures = load(programs, port, tmp_path, *options, request=request_bytes)
        # Each reply has its block's deltas and nothing else of that name; one more request came before them.
        assert {name: figures[name] for name in ("requests", "whole", "left", "wrong", "failed", "events")} == {
            "requests": 20,
            "whole": 20,
            "left": 0,
            "wrong": 0,
            "failed": 0,
            "events": 20 * 50,
        }
        assert ask(port, "GET", "/stats") == {"requests": 21, "open": 0, "left": 0, "whole": 21}
        assert saved.read_bytes() == b"".join(answer(50))
        assert figures["body_bytes"] == 20 * len(saved.read_bytes())


def test_writes_are_paced(programs: Path, tmp_path: Path) -> None:
    with upstream(programs) as port:
        ask(port, "POST", f"/control?answer={write_answer(tmp_path / 'answer', 20)}&frames=1&interval=10000")
        figures = load(programs, port, tmp_path, "--streams", "8")
    # 24 frames: 23 pauses of 10 ms.
    assert figures["elapsed_us"] >= 230_000
    # On a busy machine two writes may share a read.
    assert 8 * 10 <= figures["gap_us"]["n"] <= 8 * 19
    assert 8_000 <= figures["gap_us"]["p50"] <= 12_000
    assert figures["first_us"]["p50"] >= 10_000


def test_those_who_leave_are_counted_on_both_sides(programs: Path, tmp_path: Path) -> None:
    with upstream(programs) as port:
        ask(port, "POST", f"/control?answer={write_answer(tmp_path / 'answer', 20)}&frames=1&interval=10000")
        figures = load(programs, port, tmp_path, "--streams", "3", "--leave-after", "4")
        assert (figures["left"], figures["whole"], figures["failed"]) == (3, 0, 0)
        ends = time.monotonic() + 1
        while ask(port, "GET", "/stats")["left"] < 3:
            assert time.monotonic() < ends
        assert ask(port, "GET", "/stats")["open"] == 0


@asynccontextmanager
async def serving(bodies: list[bytes]) -> Any:
    """Answers with each of them in turn, over as many connections as come; an empty one is cut inside its chunk."""
    waiting = iter(bodies)

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(len(REQUEST)):
            body = next(waiting, None)
            if not body:
                writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf")
                break
            writer.write(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            )
        writer.close()

    server = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def load_beside(programs: Path, port: int, folder: Path, *options: str) -> Any:
    argv = load_argv(programs, port, folder, *options)
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    written, told = await process.communicate()
    return json.loads(written) if written else told.decode()


async def test_a_wrong_byte_and_a_cut_are_noticed(programs: Path, tmp_path: Path) -> None:
    right = b'{"id":"msg_1"} contentBlockDelta "text"'
    other_id = b'{"id":"msg_22"} contentBlockDelta "text"'
    wrong = b'{"id":"msg_1"} contentBlockDelta "test"'
    shorter = right[:-1]
    async with serving([right, right, wrong, other_id, b"", shorter, right]) as port:
        figures = await load_beside(programs, port, tmp_path, "--requests", "6")
    assert {name: figures[name] for name in ("requests", "whole", "wrong", "failed")} == {
        "requests": 6,
        "whole": 3,
        "wrong": 2,
        "failed": 1,
    }


async def test_a_first_reply_that_is_cut_ends_it_with_its_words(programs: Path, tmp_path: Path) -> None:
    async with serving([b""]) as port:
        told = await load_beside(programs, port, tmp_path)
    assert "the first reply was no whole 200" in told
    assert "half" in told


def test_an_answer_that_cannot_be_read_is_refused(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"\x00\x00\x00\xffno")
    with upstream(programs) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("POST", f"/control?answer={tmp_path / 'broken'}")
        assert connection.getresponse().status == 400
        connection.close()
