"""The line of a request is made without the logger, for the sake of its CPU: it is the one the logger would write."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
# Both lines on standard output, of one request.
SCRIPT: Final = """
import sys
from gateway.logs import AccessLine, access_line, make_logger
logger = make_logger(sys.argv[1])
line = AccessLine("req_1", "POST", "/v1/messages", status=200, caller="J\\u00fcrgen\\u2028", dropped=("top_k",))
line.trace = ["RuntimeError"] if sys.argv[2] == "error" else None
sys.stdout.write(access_line(logger, line, line.fields()))
sys.stdout.flush()
getattr(logger, sys.argv[2])("request", extra=line.fields())
"""
# Each line has its own.
OWN: Final = ("location", "timestamp", "total_ms")


def written(level: str, how: str) -> list[bytes]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, level, how], cwd=ROOT, capture_output=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("how", ["info", "error"])
def test_it_is_the_line_that_the_logger_writes(how: str) -> None:
    ours, loggers = written("INFO", how)
    assert ours.isascii()
    read: list[dict[str, Any]] = [json.loads(line) for line in (ours, loggers)]
    assert list(read[0]) == list(read[1])
    assert len(read[0]["timestamp"]) == len(read[1]["timestamp"])
    for line in read:
        for name in OWN:
            del line[name]
    assert read[0] == read[1]
    assert read[0]["level"] == how.upper()


def test_it_keeps_to_the_loggers_level() -> None:
    assert written("WARNING", "info") == []
    assert len(written("WARNING", "error")) == 2
