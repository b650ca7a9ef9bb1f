"""A program that is interrupted has to be waited for: a killed Terraform loses what it knows."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.programs import DeployError, read, run

ROOT: Final = Path(__file__).parents[2]
# Like Terraform: at an interrupt it writes down what it has done, which takes its time.
SLOW_TO_END: Final = """\
import signal, sys, time
def end(number, frame):
    time.sleep(1)
    print("state saved", flush=True)
    sys.exit(1)
signal.signal(signal.SIGINT, end)
print("working", flush=True)
time.sleep(30)
"""


def test_ctrl_c_waits_until_the_program_has_saved_its_state() -> None:
    # A shell starts what it puts in the background with SIGINT ignored, and children inherit that: not so a terminal.
    heard = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    ours = f"{heard}from deploy.programs import run\nrun([{sys.executable!r}, '-c', {SLOW_TO_END!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", ours],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as deploy:
        assert deploy.stdout is not None
        assert deploy.stdout.readline() == "working\n"
        os.killpg(deploy.pid, signal.SIGINT)  # as a terminal does: to all of them
        said, complained = deploy.communicate(timeout=20)
    assert said == "state saved\n"
    assert "KeyboardInterrupt" in complained, "and then nothing else is begun"


def test_a_program_that_fails_is_named_with_its_exit_code() -> None:
    with pytest.raises(DeployError, match="exit code 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def test_what_a_program_reads_comes_through_its_standard_input() -> None:
    script = "import sys; sys.exit(sys.stdin.read() != 'word')"
    run([sys.executable, "-c", script], standard_input="word")
    assert read([sys.executable, "-c", "print(input())"], standard_input="word\n") == "word\n"
