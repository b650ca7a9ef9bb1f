"""The two images that the Dockerfile starts from: the real ones, or stand-ins where their registry cannot be reached.

The stand-in for the Python image is a Debian made with debootstrap, brought into the state in which the official
images are: `python` on the PATH, PYTHON_VERSION in the environment, and no bytecode of the standard library. The
stand-in for the adapter holds the double of tests/doubles. Both are kept: an archive in `.cache/image`, images in
podman's storage.

The Debian is only unpacked, its packages' set-up scripts never run: so it takes half the time, and goes for the other
architecture as well, whose programs cannot run here.
"""

import fcntl
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.image.engine import CACHE, ROOT, Engine, ToolsMissing, host_architecture, install_missing, run

ADAPTER_DOUBLE: Final = ROOT / "tests" / "doubles" / "lambda_adapter.py"
PYTHON_NAME: Final = "localhost/chatrix-test/python"
ADAPTER_NAME: Final = "localhost/chatrix-test/adapter"
PACKAGES: Final = "python3,python3-pip,ca-certificates"
# What a slim image does not have, and a file by which Debian's setuptools imports itself at every start of Python.
CUT: Final = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "usr/lib/python3/dist-packages/distutils-precedence.pth",
)
OTHER_ARCHITECTURE: Final = {"amd64": "arm64", "arm64": "amd64"}
REGISTRY_SECONDS: Final = 5.0
PULL_SECONDS: Final = 300.0
DEBOOTSTRAP_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class BaseImages:
    """Names for the build arguments PYTHON_IMAGE and LWA_IMAGE."""

    python: str
    adapter: str
    stand_ins: bool


def base_images(engine: Engine) -> BaseImages:
    """In podman's storage, for this machine. Raises ToolsMissing where neither registry nor stand-in can be had."""
    real = BaseImages(dockerfile_default("PYTHON_IMAGE"), dockerfile_default("LWA_IMAGE"), stand_ins=False)
    if registry_answers(real.python.partition("/")[0]):
        for name in (real.python, real.adapter):
            engine.podman("pull", "--quiet", name, timeout_seconds=PULL_SECONDS)
        return real
    with only_one("stand-ins"):
        architecture = host_architecture()
        return BaseImages(stand_in_python(engine, architecture), stand_in_adapter(engine, architecture), stand_ins=True)


def base_images_of_both_architectures(engine: Engine, images: BaseImages) -> BaseImages:
    """Names that mean another image on each platform, as the real ones do by themselves."""
    if not images.stand_ins:
        return images
    with only_one("stand-ins"):
        other = OTHER_ARCHITECTURE[host_architecture()]
        python = list_of_images(engine, images.python, stand_in_python(engine, other))
        adapter = list_of_images(engine, images.adapter, stand_in_adapter(engine, other))
        return BaseImages(python, adapter, stand_ins=True)


def dockerfile_default(argument: str) -> str:
    found = re.search(rf"^ARG {argument}=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"the Dockerfile has no default for {argument}"
    return found[1]


def registry_answers(host: str) -> bool:
    try:
        with urllib.request.urlopen(f"https://{host}/v2/", timeout=REGISTRY_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 401  # it wants a token, which podman gets by itself
    except OSError:
        return False


def stand_in_python(engine: Engine, architecture: str) -> str:
    suite = debian_suite()
    makers = inspect.getsource(unpack) + inspect.getsource(make_archive)
    version = hashlib.sha256(f"{suite} {PACKAGES} {CUT} {makers}".encode()).hexdigest()[:12]
    name = f"{PYTHON_NAME}:{suite}-{architecture}-{version}"
    if not exists(engine, name):
        archive = CACHE / f"python-{suite}-{architecture}-{version}.tar"
        if not archive.exists():
            make_archive(suite, architecture, archive)
        changes = [
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            "ENV LANG=C.UTF-8",
            f"ENV PYTHON_VERSION={archive.with_suffix('.version').read_text(encoding='utf-8')}",
        ]
        options = [f"--change={change}" for change in changes]
        engine.podman("import", "--quiet", "--arch", architecture, *options, str(archive), name)
    return name


def debian_suite() -> str:
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    found = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    if os.geteuid() != 0 or not re.search(r"^ID=debian$", release, re.MULTILINE) or not found:
        raise ToolsMissing(
            "the registry of the Python image cannot be reached; a stand-in is made by debootstrap, as root, on Debian"
        )
    return found[1]


def make_archive(suite: str, architecture: str, archive: Path) -> None:
    """A minute. The finished archive appears in one move, so that a broken run leaves none."""
    install_missing({"debootstrap": "debootstrap"})
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = unpack(suite, architecture, Path(folder))
        version = re.search(r"Package: python3\.\d+\n(?:.+\n)*?Version: (\d+\.\d+\.\d+)", packages_of(root))
        assert version, "the stand-in has no Python"
        for cut in CUT:
            run(["rm", "-rf", str(root / cut)], os.environ)
        for bytecode in root.rglob("__pycache__"):
            shutil.rmtree(bytecode)
        (root / "usr/local/bin").mkdir(parents=True, exist_ok=True)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        archive.with_suffix(".version").write_text(version[1], encoding="utf-8")
        unfinished = Path(folder, "archive.tar")
        run(["tar", "--directory", str(root), "--create", "--file", str(unfinished), "."], os.environ)
        unfinished.rename(archive)


def unpack(suite: str, architecture: str, folder: Path) -> Path:
    """debootstrap fetches and verifies the packages; what they contain is laid into one tree."""
    fetched, root = folder / "fetched", folder / "root"
    command = ["debootstrap", f"--arch={architecture}", "--variant=minbase", f"--include={PACKAGES}", "--download-only"]
    run([*command, suite, str(fetched)], os.environ, timeout_seconds=DEBOOTSTRAP_SECONDS)
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    (root / "var/lib/dpkg").mkdir(parents=True)
    with (root / "var/lib/dpkg/status").open("w", encoding="utf-8") as status:
        for package in sorted((fetched / "var/cache/apt/archives").glob("*.deb")):
            content = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True)
            tar = ["tar", "--directory", str(root), "--extract", "--keep-directory-symlink"]
            subprocess.run(tar, input=content.stdout, check=True)
            status.write(run(["dpkg-deb", "--field", str(package)], os.environ).stdout + "\n")
    # What the set-up scripts would have made, as far as anybody here misses it.
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    (root / "etc/group").write_text("root:x:0:\n", encoding="utf-8")
    if not (root / "bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("dash")
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.write_bytes(b"".join(each.read_bytes() for each in authorities))
    return root


def packages_of(root: Path) -> str:
    return (root / "var/lib/dpkg/status").read_text(encoding="utf-8")


def stand_in_adapter(engine: Engine, architecture: str) -> str:
    content = ADAPTER_DOUBLE.read_bytes()
    name = f"{ADAPTER_NAME}:{architecture}-{hashlib.sha256(content).hexdigest()[:12]}"
    if not exists(engine, name):
        with tempfile.TemporaryDirectory() as folder:
            adapter = Path(folder, "lambda-adapter")
            adapter.write_bytes(content)
            adapter.chmod(0o755)
            archive = Path(folder, "adapter.tar")
            run(["tar", "--directory", folder, "--create", "--file", str(archive), adapter.name], os.environ)
            engine.podman("import", "--quiet", "--arch", architecture, str(archive), name)
    return name


def list_of_images(engine: Engine, *names: str) -> str:
    """One name for several images, made anew each time: what it points to may have been removed."""
    name = f"{names[0]}-list"
    engine.podman("manifest", "rm", name, check=False)
    engine.podman("manifest", "create", name)
    for each in names:
        engine.podman("manifest", "add", name, f"containers-storage:{each}")
    return name


def exists(engine: Engine, name: str) -> bool:
    return engine.podman("image", "exists", name, check=False).returncode == 0


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Two suites may run at once."""
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
