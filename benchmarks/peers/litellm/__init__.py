"""LiteLLM's proxy: one worker, no database, no telemetry, nothing fetched at start.

Its model is `bedrock/converse/...`: without the prefix it would ask Claude's own API on Bedrock (InvokeModel), which is
not what the others do. It needs 700 MB on disk, and some seconds to start.
"""

import json
import shutil
import subprocess
import venv
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.gateways import MODEL, aws_environment

LOCK = Path(__file__).parent / "requirements.txt"
# Wheels only, every one of them checked against the hash in the lock.
PIP_INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")


def install(cache: Path) -> None:
    """Into `cache`/litellm, when the lock has changed."""
    folder = cache / "litellm"
    stamp = folder / "installed-lock.txt"
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return
    venv.create(folder, clear=True, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, *PIP_INSTALL, "--only-binary", ":all:", "--no-deps", "-r", str(LOCK)], check=True)
    shutil.copyfile(LOCK, stamp)


def contender(cache: Path, port: int, upstream_port: int, body: bytes) -> Contender:
    """`body` is passed on as it is; its model must be `MODEL`, the only one in the configuration."""
    folder = (cache / "litellm").absolute()
    # The same for all of a run. JSON is YAML.
    configuration = folder / "config.yaml"
    configuration.write_text(json.dumps(settings(upstream_port), indent=1))
    binaries = folder / "bin"
    return Contender(
        name="litellm",
        argv=(
            *(str(binaries / "python"), str(binaries / "litellm"), "--config", str(configuration)),
            *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1", "--telemetry", "False"),
        ),
        environment=environment(folder, upstream_port),
        ready_path="/health/liveliness",
        path="/v1/messages",
        headers={"anthropic-version": "2023-06-01"},
        body=body,
    )


def settings(upstream_port: int) -> dict[str, object]:
    parameters = {
        "model": f"bedrock/converse/{MODEL}",
        "aws_bedrock_runtime_endpoint": f"http://127.0.0.1:{upstream_port}",
    }
    return {"model_list": [{"model_name": MODEL, "litellm_params": parameters}]}


def environment(folder: Path, upstream_port: int) -> dict[str, str]:
    return {
        **aws_environment(upstream_port, upstream_port),
        # What LiteLLM advises for production: read no .env file, and log errors only.
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        # The list of models and prices comes with the package, and tokenizers are not looked for.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HF_HUB_OFFLINE": "1",
        "HOME": str(folder),
    }
