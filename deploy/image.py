"""The image: built for the function's processor by docker or podman, and pushed under the commit's name.

Lambda takes one image, not an index of several: docker's attestations, which would make it one, are off.
"""

import hashlib
import json
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.programs import ROOT, DeployError, read, run
from gateway import __version__

# Lambda's names of processors, and those of images.
PLATFORMS: Final = {"arm64": "arm64", "x86_64": "amd64"}
HOST_PLATFORMS: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
ENGINES: Final = ("docker", "podman")
# The build's layers and the packages on their way into them, several times over.
FREE_BYTES: Final = 2 * 10**9
SHORT_COMMIT: Final = 12
# What gets into the image, or says how it is made.
CONTEXT: Final = (
    "gateway",
    "Dockerfile",
    ".dockerignore",
    "requirements.txt",
    "LICENSE",
    "deploy/compile_bytecode.py",
    "deploy/trim_botocore.py",
)


@dataclass(frozen=True, slots=True)
class Engine:
    """docker or podman: the same words, but for the build."""

    name: str

    @classmethod
    def find(cls, wanted: str | None = None) -> "Engine":
        """The first one that answers. Raises DeployError."""
        for name in (wanted,) if wanted else ENGINES:
            if shutil.which(name) and _answers(name):
                return cls(name)
        raise DeployError(
            f"None of these can be used: {wanted or ', '.join(ENGINES)}. One has to be installed, and running: "
            "https://docs.docker.com/get-docker/ or https://podman.io"
        )

    def build(self, image: str, architecture: str, labels: Sequence[str], options: Sequence[str]) -> None:
        target = f"linux/{PLATFORMS[architecture]}"
        common = ["--platform", target, "--tag", image, *labels, *options, str(ROOT)]
        if self.name == "docker":
            run(["docker", "buildx", "build", "--provenance=false", "--sbom=false", "--load", *common])
        else:
            host = HOST_PLATFORMS.get(platform.machine(), "amd64")
            run(["podman", "build", f"--build-arg=BUILDPLATFORM=linux/{host}", *common])

    def architecture(self, image: str) -> str:
        """As images call it."""
        return read([self.name, "image", "inspect", "--format", "{{.Architecture}}", image]).strip()

    def login(self, registry: str, user: str, password: str) -> None:
        """The password goes through standard input: a word of the command could be read by others."""
        run([self.name, "login", "--username", user, "--password-stdin", registry], standard_input=password)

    def push(self, image: str) -> str:
        """The digest under which the registry has it now."""
        if self.name == "docker":
            run(["docker", "push", image])
            digests = json.loads(read(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", image]))
            repository = image.rpartition(":")[0]
            return next(str(each).partition("@")[2] for each in digests if str(each).startswith(f"{repository}@"))
        with tempfile.TemporaryDirectory() as folder:
            digest_file = Path(folder) / "digest"
            run(["podman", "push", "--digestfile", str(digest_file), image])
            return digest_file.read_text().strip()


def _answers(name: str) -> bool:
    done = subprocess.run([name, "info"], capture_output=True, check=False)  # noqa: S603  # one of two fixed names
    return done.returncode == 0


def check_disk() -> None:
    """Raises DeployError. Where the engine keeps its images is its own business, mostly on the same disk."""
    free = shutil.disk_usage(ROOT).free
    if free < FREE_BYTES:
        raise DeployError(
            f"Only {free / 1e9:.1f} GB are free on this disk, and the build wants {FREE_BYTES / 1e9:.0f}. "
            "`docker system prune` (or `podman system prune`) removes what no container uses."
        )


def tag_of_checkout() -> str:
    """The commit; with changes that are in none, a hash of what gets into the image: the same tag, the same content."""
    try:
        commit = read(["git", "rev-parse", f"--short={SHORT_COMMIT}", "HEAD"]).strip()
        changes = read(["git", "status", "--porcelain", "--", *CONTEXT]).strip()
    except (DeployError, FileNotFoundError):
        return f"no-git-{content_hash()}"
    return f"{commit}-changed-{content_hash()}" if changes else commit


def content_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(each for name in CONTEXT for each in (ROOT / name, *(ROOT / name).rglob("*")) if each.is_file()):
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:SHORT_COMMIT]


def labels_of(tag: str) -> list[str]:
    return [f"--build-arg=VERSION={__version__}", f"--build-arg=REVISION={tag}"]
