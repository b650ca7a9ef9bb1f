"""chatrix and the naive gateway as contenders: the same interpreter, the same packages, the same Bedrock.

They run in an environment of the run-time packages alone: the development one brings an HTTP client along that
aiobotocore would import. botocore's data is trimmed there, as in the image. Nothing of chatrix is switched off: it
checks a key, and writes its line and its record of metrics for each request.
"""

import os
import re
import subprocess
import venv
from pathlib import Path

from benchmarks.contender import Contender
from deploy.trim_botocore import trim
from gateway.simulator import LOCAL_API_KEY

ROOT = Path(__file__).parents[1]
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
REGION = "us-west-2"
REQUIREMENTS = ROOT / "requirements.txt"


def install(cache: Path) -> Path:
    """The interpreter of the run-time environment, made when the lock has changed."""
    folder = cache / "runtime"
    stamp, python = folder / "requirements.txt", folder / "bin" / "python"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        venv.create(folder, clear=True, with_pip=True)
        install_argv = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([str(python), *install_argv, "--only-binary", ":all:", "-r", str(REQUIREMENTS)], check=True)
        data = next(folder.glob("lib/*/site-packages/botocore/data"))
        trim(data, re.findall(r'ARG AWS_SERVICES="(.*)"', (ROOT / "Dockerfile").read_text())[0].split())
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    # As in the image, where nothing is compiled at start.
    compile_argv = ["-m", "compileall", "-q", "gateway", "benchmarks/naive", "-x", "simulator"]
    subprocess.run([str(python), *compile_argv], check=True, cwd=ROOT)
    return python


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
            **aws_environment(bedrock_port, secrets_port),
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
        environment=aws_environment(bedrock_port, secrets_port),
        ready_path="/health",
        path="/v1/messages",
        headers={},
        body=body,
    )
