"""botocore's own description of Bedrock Runtime: an upgrade that adds something fails a test, not a user."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import botocore


@cache
def service_model() -> dict[str, Any]:
    folder = Path(botocore.__file__).parent / "data" / "bedrock-runtime"
    (path,) = folder.glob("*/service-2.json*")
    raw = path.read_bytes()
    model: dict[str, Any] = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return model


def shape(name: str) -> dict[str, Any]:
    found: dict[str, Any] = service_model()["shapes"][name]
    return found


def exceptions_of(operation: str) -> dict[str, int]:
    """Name and HTTP status of each exception an operation can answer with."""
    errors = service_model()["operations"][operation]["errors"]
    return {error["shape"]: shape(error["shape"])["error"]["httpStatusCode"] for error in errors}
