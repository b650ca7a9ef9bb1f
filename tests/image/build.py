"""The build of the real Dockerfile, with this machine's way to its packages.

pip inside the build needs what pip outside has: indexes, folders of wheels, certificates, whatever this machine's
configuration names. All of it is read from `pip config`, written into one pip.conf and mounted for the time of the
build, together with each file and folder it names. No layer keeps any of it.
"""

import ast
import configparser
import io
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.image.engine import CACHE, ROOT, Engine, host_architecture, run, ulimits, write
from tests.image.stand_ins import BaseImages

BUILD_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Image:
    name: str
    seconds: float
    log: str
    inspected: Mapping[str, Any] = field(repr=False)

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.inspected["Config"]
        return config

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.config["Env"])


def build(
    engine: Engine,
    images: BaseImages,
    *,
    tag: str,
    context: Path = ROOT,
    platform: str | None = None,
    arguments: Mapping[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> Image:
    """`arguments` are further build arguments, `options` further ones of `podman build`.

    Nothing is pulled, because the base images are in the storage; except real ones for another platform, which takes
    the tag of the image that is there.
    """
    pull = "always" if platform and not images.stand_ins else "never"
    given = {
        "PYTHON_IMAGE": images.python,
        "LWA_IMAGE": images.adapter,
        # buildah 1.28 does not set it together with --platform.
        **({"BUILDPLATFORM": f"linux/{host_architecture()}"} if platform else {}),
        **(arguments or {}),
    }
    command = ["build", f"--pull={pull}", "--network", "host", "--tag", tag, "--file", str(context / "Dockerfile")]
    command += [f"--ulimit={limit}" for limit in ulimits()]
    command += [f"--build-arg={name}={value}" for name, value in given.items()]
    command += [f"--platform={platform}"] if platform else []
    started = time.monotonic()
    done = engine.podman(*command, *pip_mounts(), *options, str(context), timeout_seconds=BUILD_SECONDS)
    return Image(tag, time.monotonic() - started, done.stdout + done.stderr, inspect(engine, tag))


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.podman("image", "inspect", name).stdout)[0]
    return found


def inspect_container(engine: Engine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.podman("container", "inspect", name).stdout)[0]
    return found


def pip_mounts() -> list[str]:
    """Options for `podman build`: this machine's pip configuration, and what it names. Empty when there is none."""
    settings = pip_settings()
    if not settings:
        return []
    written = configparser.RawConfigParser()
    written.read_dict(settings)
    text = io.StringIO()
    written.write(text)
    configuration = CACHE / "pip.conf"
    write(configuration, text.getvalue())
    named = (word for section in settings.values() for value in section.values() for word in value.split())
    paths = {word.removeprefix("file://") for word in named}
    mounts = [f"--volume={configuration}:/etc/pip.conf:ro"]
    for path in map(Path, sorted(paths)):
        if path.is_absolute() and path.exists():
            # With its parent if it is an index: its pages point to the files beside it.
            folder = path.parent if path.name == "simple" else path
            mounts.append(f"--volume={folder}:{folder}:ro")
    return mounts


def pip_settings() -> dict[str, dict[str, str]]:
    """By section. Variables (PIP_...) win over files, as they do for pip itself."""
    listed = run([sys.executable, "-m", "pip", "config", "list"], os.environ).stdout
    settings: dict[str, dict[str, str]] = {}
    variables: dict[str, str] = {}
    for section, key, value in re.findall(r"^(\S+?)\.([\w-]+)=(.*)$", listed, re.MULTILINE):
        place = variables if section == ":env:" else settings.setdefault(section, {})
        place[key] = str(ast.literal_eval(value))
    if variables:
        settings.setdefault("global", {}).update(variables)
    return settings
