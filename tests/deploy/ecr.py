"""Tells moto's ECR of every image that the registry has got. The real ECR is both, and needs nobody to tell it."""

import hashlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3

from tests.deploy.registry import ADDRESS, PORT

LOOK_AGAIN_SECONDS: Final = 0.2
MANIFESTS: Final = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"


@contextmanager
def mirroring(moto_url: str, region: str) -> Iterator[None]:
    stopped = threading.Event()
    ecr = boto3.client(
        "ecr", region_name=region, endpoint_url=moto_url, aws_access_key_id="t", aws_secret_access_key="t"
    )
    thread = threading.Thread(target=_mirror, args=(ecr, stopped))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _mirror(ecr: Any, stopped: threading.Event) -> None:
    known: set[tuple[str, str]] = set()
    while not stopped.wait(LOOK_AGAIN_SECONDS):
        for repository in _get("/v2/_catalog")["repositories"]:
            for tag in _tags(repository):
                if (repository, tag) not in known:
                    known.add((repository, tag))
                    _tell(ecr, repository, tag)


def _tags(repository: str) -> list[str]:
    """None as long as the first push is under way: its layers come before its tag."""
    try:
        tags: list[str] = _get(f"/v2/{repository}/tags/list")["tags"]
    except urllib.error.HTTPError:
        return []
    return tags or []


def _tell(ecr: Any, repository: str, tag: str) -> None:
    manifest = _read(f"/v2/{repository}/manifests/{tag}")
    ecr.put_image(
        repositoryName=repository,
        imageManifest=manifest.decode(),
        imageTag=tag,
        imageDigest=f"sha256:{hashlib.sha256(manifest).hexdigest()}",
    )


def _get(path: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_read(path))
    return answer


def _read(path: str) -> bytes:
    request = urllib.request.Request(f"http://{ADDRESS}:{PORT}{path}", headers={"accept": MANIFESTS})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        content: bytes = answer.read()
        return content
