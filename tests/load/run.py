"""`make load`: locust without its web page, against a gateway of its own or against `--host`.

    python -m tests.load.run [--host URL] [--users N] [--run-time 60s] [more options of locust]

Without `--host` a gateway with the embedded simulator is started for the run. With it, the key is that of
CHATRIX_API_KEY, and answers are the model's own: they cost what they cost. The report is build/load/report.html.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from gateway.simulator import LOCAL_API_KEY
from tests.support.tool_environment import tool_environment

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
REPORT: Final = ROOT / "build" / "load" / "report.html"
START_LINES: Final = 50
# locust takes its time to end its users.
STOP_SECONDS: Final = "10s"


@contextmanager
def own_gateway() -> Iterator[str]:
    """The URL of a gateway with the embedded simulator, for as long as this lasts."""
    command = [sys.executable, "-m", "gateway", "serve", "--simulate"]
    environment = {**os.environ, "PORT": "0", "LOG_LEVEL": "ERROR"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            lines = (running.stdout.readline() for _ in range(START_LINES))
            yield next(found[0] for line in lines if (found := re.search(r"http://[\d.]+:\d+", line)))
        finally:
            running.terminate()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--host", help="the URL of a running gateway")
    parser.add_argument("--users", default="20")
    parser.add_argument("--run-time", default="60s")
    options, more = parser.parse_known_args(arguments)
    locust = tool_environment("load", HERE / "requirements.txt") / "locust"
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    with nullcontext(options.host) if options.host else own_gateway() as url:
        own = {} if options.host else {"CHATRIX_API_KEY": LOCAL_API_KEY, "CHATRIX_LOAD_SCRIPTED": "1"}
        command = [
            *(str(locust), "--locustfile", str(HERE / "locustfile.py"), "--headless", "--only-summary", "--host", url),
            *("--users", options.users, "--spawn-rate", options.users, "--run-time", options.run_time),
            *("--stop-timeout", STOP_SECONDS, "--html", str(REPORT), "--exit-code-on-error", "0", *more),
        ]
        code = subprocess.run(command, env={**os.environ, **own}, check=False).returncode
    print(f"load: the report is {REPORT.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
