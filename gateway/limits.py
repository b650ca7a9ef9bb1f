"""Whether this machine can hold what the settings allow: memory, and open files. Looked at once, at start.

The kernel ends a process that outgrows its memory without a word, and with it every open answer. So the sum is made
beforehand and logged. Bodies are what could break it: those that Bedrock has not taken yet may together be no more than
memory is left for. Where there is too little even for one, that is worth a warning.

Open files are worse: without one left, the connection to Bedrock is what fails first, for clients that were let in. So
fewer clients are let in than there are descriptors for. And never so many that the connections of those who have shown
no key yet could take more than a quarter of the memory.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from gateway.settings import MIB, Settings

# Measured: the process at rest has 62 MiB; with its pool of connections and its threads some more.
RESTING_BYTES: Final = 80 * MIB
# Measured, of ASCII text and of images: the body as it came, and as it goes to Bedrock, with one more at the peak. Text
# in other scripts takes up to 4.6 times its bytes for a moment, and a million tiny JSON values 200 MiB.
COPIES_OF_A_BODY: Final = 3
# What an open answer may hold up, above the sockets' own buffers (docs/reliability.md).
STREAM_BYTES: Final = 1 * MIB
# Measured: an idle connection takes 10 to 20 KiB, and one with as much of a head as is let in 90 (docs/reliability.md).
CONNECTION_BYTES: Final = 128 * 1024
# Whoever has no key must not take the memory of those who have one.
CONNECTIONS_SHARE: Final = 4
# An invocation is at most 6 MB, the envelope around the request included.
LAMBDA_BODY_BYTES: Final = 6 * MIB
# Not the clients' and not Bedrock's: the log, the event loop, Secrets Manager, the control plane, look-ups of names.
RESERVED_FILES: Final = 128

# A child of the application's logger (logs.py), so that its lines come out as JSON with the others.
_log: Final = logging.getLogger("chatrix.limits")


class Memory(msgspec.Struct, frozen=True):
    there_is_bytes: int
    source: str


class Limits(msgspec.Struct, frozen=True):
    """What holds for this process. The first two are the settings, or less where the machine has less."""

    max_connections: int
    max_bodies_bytes: int
    requests_at_once: int
    body_bytes: int
    open_files: int
    needed_bytes: int
    memory: Memory
    warnings: tuple[str, ...]


def plan_limits(settings: Settings, environ: Mapping[str, str]) -> Limits:
    """Also raises the soft limit of open files as far as it is needed, and as the hard one allows."""
    # Lambda gives an environment one request at a time, and everything comes from the adapter beside us.
    requests = 1 if settings.behind_adapter else settings.max_streams
    body_bytes = min(settings.max_body_bytes, LAMBDA_BODY_BYTES) if settings.behind_adapter else settings.max_body_bytes
    open_files = raise_open_files(settings.max_connections + requests + RESERVED_FILES)
    memory = memory_there_is(environ)
    with_files = connections_within(open_files, settings.max_connections, requests)
    with_memory = max(requests, memory.there_is_bytes // CONNECTIONS_SHARE // CONNECTION_BYTES)
    connections = min(with_files, with_memory)
    fixed_bytes = RESTING_BYTES + connections * CONNECTION_BYTES + requests * STREAM_BYTES
    fitting_bytes = (memory.there_is_bytes - fixed_bytes) // COPIES_OF_A_BODY
    bodies_bytes = max(body_bytes, min(settings.max_bodies_bytes, requests * body_bytes, fitting_bytes))
    needed_bytes = fixed_bytes + COPIES_OF_A_BODY * bodies_bytes
    warnings = []
    if needed_bytes > memory.there_is_bytes:
        warnings.append(too_little_memory(memory, needed_bytes, requests, body_bytes, connections))
    if with_files < settings.max_connections and not settings.behind_adapter:
        warnings.append(too_few_files(open_files, with_files, settings, requests))
    return Limits(connections, bodies_bytes, requests, body_bytes, open_files, needed_bytes, memory, tuple(warnings))


def log_limits(limits: Limits) -> None:
    """One line with the numbers, and one for each thing that does not fit."""
    _log.info(
        "limits",
        extra={
            "requests_at_once": limits.requests_at_once,
            "max_connections": limits.max_connections,
            "open_files": limits.open_files,
            "bodies_mib": in_mib(limits.max_bodies_bytes),
            "memory_needed_mib": in_mib(limits.needed_bytes),
            "memory_mib": in_mib(limits.memory.there_is_bytes),
            "memory_by": limits.memory.source,
        },
    )
    for warning in limits.warnings:
        _log.warning(warning)


def too_little_memory(memory: Memory, needed_bytes: int, requests: int, body_bytes: int, connections: int) -> str:
    left = memory.there_is_bytes - RESTING_BYTES - connections * CONNECTION_BYTES
    fitting_requests = (left - COPIES_OF_A_BODY * body_bytes) // STREAM_BYTES
    fitting_mib = (left - requests * STREAM_BYTES) // COPIES_OF_A_BODY // MIB
    ways = ["Give it more"]
    if 1 <= fitting_requests < requests:
        ways.append(f"set CHATRIX_MAX_STREAMS={fitting_requests}")
    if fitting_mib >= 1:
        ways.append(f"set CHATRIX_MAX_BODY_BYTES={fitting_mib * MIB}")
    return (
        f"{requests} requests at once, one of them with a body of {in_mib(body_bytes)} MiB, could need "
        f"{in_mib(needed_bytes)} MiB of memory, and there are {in_mib(memory.there_is_bytes)} (by {memory.source}). "
        f"{', or '.join(ways)}."
    )


def too_few_files(open_files: int, connections: int, settings: Settings, requests: int) -> str:
    wanted = settings.max_connections + requests + RESERVED_FILES
    return (
        f"This process may open {open_files} files, so that it takes {connections} connections at once and not "
        f"CHATRIX_MAX_CONNECTIONS={settings.max_connections}. Raise the limit to {wanted} (`ulimit -n`, or `nofile` of "
        "the container)."
    )


def connections_within(open_files: int, wanted: int, requests: int) -> int:
    """Each needs a descriptor, and one more for Bedrock while it is answered: never more than half of them then."""
    available = open_files - min(RESERVED_FILES, open_files // 2)
    return max(1, min(wanted, max(available - requests, available // 2)))


def raise_open_files(wanted: int) -> int:
    """The soft limit that holds now. Systems say 1024 for the sake of old programs, and allow far more."""
    try:
        import resource  # noqa: PLC0415  # not on Windows, where nothing limits them
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if target <= soft:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
    except (ValueError, OSError):  # macOS names no hard limit, and has one all the same
        return soft
    return target


def memory_there_is(environ: Mapping[str, str], root: Path = Path("/")) -> Memory:
    """The least of what Lambda, the control group and the machine have. `root` is for tests."""
    found = [Memory(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "the machine")]
    lambda_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if lambda_mb.isascii() and lambda_mb.isdigit():
        found.append(Memory(int(lambda_mb) * MIB, "Lambda"))
    found += [Memory(limit, "the control group") for limit in group_limits(root)]
    return min(found, key=lambda each: each.there_is_bytes)


def group_limits(root: Path) -> Iterator[int]:
    """Of both versions of control groups: that of the process's own group, and of all above it.

    Inside a container the names may be those of the machine and lead nowhere; what counts there is the topmost.
    """
    for line in text_of(root / "proc/self/cgroup").splitlines():
        _, _, named = line.partition(":")
        controllers, _, group = named.partition(":")
        if not controllers:
            folder, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            folder, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inside = PurePosixPath(group.lstrip("/"))
        for each in (inside, *inside.parents):
            limit = text_of(folder / each / file).strip()
            if limit.isdigit():  # "max": none
                yield int(limit)


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def in_mib(size_bytes: int) -> int:
    return size_bytes // MIB
