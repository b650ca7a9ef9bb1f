"""Portkey's open gateway, on Node: the Messages API to ConverseStream, as chatrix does it.

It has no configuration file: each request says in its headers who answers it and where. Two things are surprising.
It cannot be told not to keep logs: for Bedrock, each reply is copied and collected to its end for a log that nobody
reads, also when the client has left, and an error is written for each because the copy is not JSON. And a stream
begins with a message id that is the time, which the load generator leaves out of its comparison.
"""

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.gateways import REGION

LOCK = Path(__file__).parent
PROGRAM = Path("node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
# The lock was written without registry hosts, and npm has to be told not to look for them. The one script that is left
# out, `patch-package`, has no patches to apply.
NPM_CI = ("ci", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund")


def install(cache: Path) -> None:
    """Into `cache`/portkey, when the lock has changed."""
    folder = cache / "portkey"
    lock, stamp = LOCK / "package-lock.json", folder / "installed-lock.json"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", lock.name):
        shutil.copyfile(LOCK / name, folder / name)
    subprocess.run([found("npm"), *NPM_CI], check=True, cwd=folder, stdin=subprocess.DEVNULL)
    shutil.copyfile(lock, stamp)


def found(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SystemExit(f"The bench compares with Portkey, which needs {name}: install Node.js 20 or newer, with npm.")
    return path


def contender(cache: Path, port: int, upstream_port: int, body: bytes) -> Contender:
    """`body` is passed on as it is: it speaks the Messages API, with the model's id of Bedrock."""
    return Contender(
        name="portkey",
        argv=(found("node"), str((cache / "portkey" / PROGRAM).absolute()), "--headless", f"--port={port}"),
        environment={"PATH": os.defpath, "NODE_ENV": "production"},
        ready_path="/",
        path="/v1/messages",
        headers={
            "x-portkey-provider": "bedrock",
            "x-portkey-aws-region": REGION,
            "x-portkey-aws-access-key-id": "bench",
            "x-portkey-aws-secret-access-key": "bench",
            # A documented header; loopback is among the hosts that it trusts from the start.
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}",
        },
        body=body,
    )
