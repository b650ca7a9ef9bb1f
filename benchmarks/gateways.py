"""chatrix and the naive gateway as contenders: the same interpreter, the same packages, the same Bedrock.

They run in an environment of the run-time packages alone: the development one brings an HTTP client along that
aiobotocore would import. As in the image, botocore's data is trimmed there, and the bytecode has no docstrings. Nothing
of chatrix is switched off: it checks a key, and writes its line and its record of metrics for each request.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.contender import Contender
from deploy.trim_botocore import trim
from gateway.simulator import LOCAL_API_KEY

ROOT = Path(__file__).parents[1]
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
REGION = "us-west-2"
REQUIREMENTS = ROOT / "requirements.txt"
COMPILER = ROOT / "deploy" / "compile_bytecode.py"
SYSTEM = "/usr/bin/python3"
OLDEST = (3, 11)
# Of the standard library.
NOT_COMPILED = "/(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|site-packages)/"


def install(cache: Path) -> Path:
    """The interpreter of the run-time environment, made when the lock has changed."""
    folder = cache / "runtime"
    stamp, python = folder / "made-from", folder / "bin" / "python"
    made_from = b"".join((*(each.read_bytes() for each in (REQUIREMENTS, COMPILER)), interpreter().encode()))
    if not stamp.exists() or stamp.read_bytes() != made_from:
        subprocess.run([interpreter(), "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "--disable-pip-version-check",
            "install",
            "--quiet",
        ]
        by_lock = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(REQUIREMENTS))
        subprocess.run([*pip, *by_lock], check=True)
        data = next(folder.glob("lib/*/site-packages/botocore/data"))
        trim(data, re.findall(r'ARG AWS_SERVICES="(.*)"', (ROOT / "Dockerfile").read_text())[0].split())
        compile_bytecode(python, asked(python, "sysconfig.get_path('stdlib')"), "--except", NOT_COMPILED)
        compile_bytecode(python, str(folder / "lib"))
        stamp.write_bytes(made_from)
    compile_bytecode(python, str(ROOT / "gateway"), str(ROOT / "benchmarks" / "naive"))
    return python


def interpreter() -> str:
    """The system's, where it is new enough; otherwise the one that runs this.

    Distributions optimise theirs when they link it, as does the image that chatrix is built on. Those that pyenv builds
    are not, and take a quarter more for everything. Node.js and nginx come as their makers build them, too.
    """
    is_new_enough = f"sys.version_info >= {OLDEST}"
    return SYSTEM if Path(SYSTEM).exists() and asked(SYSTEM, is_new_enough) == "True" else sys.executable


def asked(python: Path | str, question: str) -> str:
    """What this interpreter says."""
    argv = [str(python), "-c", f"import platform, sys, sysconfig; print({question})"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def description() -> str:
    """What runs the gateways."""
    whose = "the system's" if interpreter() == SYSTEM else "not the system's"
    return f"Python {asked(interpreter(), 'platform.python_version()')} ({whose})"


def compile_bytecode(python: Path, *arguments: str) -> None:
    """As in the image, where nothing is compiled at start."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode_folder(python))}
    subprocess.run([str(python), str(COMPILER), *arguments], check=True, env=environment)


def bytecode_folder(python: Path) -> Path:
    return python.parents[1] / "bytecode"


def python_environment(python: Path, bedrock_port: int, secrets_port: int) -> dict[str, str]:
    return {**aws_environment(bedrock_port, secrets_port), "PYTHONPYCACHEPREFIX": str(bytecode_folder(python))}


def aws_environment(bedrock_port: int, secrets_port: int) -> dict[str, str]:
    bedrock, secrets = (f"http://127.0.0.1:{port}" for port in (bedrock_port, secrets_port))
    return {
        "PATH": os.defpath,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock,
        "AWS_ENDPOINT_URL_BEDROCK": secrets,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets,
    }


def chatrix(python: Path, port: int, bedrock_port: int, secrets_port: int, body: bytes) -> Contender:
    return Contender(
        name="chatrix",
        argv=(str(python), "-m", "gateway", "serve"),
        environment={
            **python_environment(python, bedrock_port, secrets_port),
            "PORT": str(port),
            "CHATRIX_METRICS": "1",
            # The default of 256 is for one machine of a team; the bench opens a thousand.
            "CHATRIX_MAX_STREAMS": "2048",
        },
        ready_path="/health",
        path="/v1/messages",
        headers={"x-api-key": LOCAL_API_KEY, "anthropic-version": "2023-06-01"},
        body=body,
    )


def naive(python: Path, port: int, bedrock_port: int, secrets_port: int, body: bytes) -> Contender:
    return Contender(
        name="naive",
        argv=(str(python), "-m", "benchmarks.naive.gateway", "--port", str(port)),
        environment=python_environment(python, bedrock_port, secrets_port),
        ready_path="/health",
        path="/v1/messages",
        headers={},
        body=body,
    )
