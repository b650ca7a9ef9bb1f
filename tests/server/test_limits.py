"""What the machine can hold: the sum of the memory, and the descriptors, as they are found at start."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.limits import (
    COPIES_OF_A_BODY,
    RESERVED_FILES,
    RESTING_BYTES,
    Limits,
    connections_within,
    memory_there_is,
    plan_limits,
)
from gateway.settings import MIB, Settings

ROOT = Path(__file__).parents[2]
HUGE = str(2**63 - 4096)
SCRIPT = """
import os, resource
soft, hard = {soft}, {hard}
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from gateway.limits import log_limits, plan_limits
from gateway.logs import make_logger
from gateway.settings import Settings
make_logger("INFO")
log_limits(plan_limits(Settings.from_env(os.environ), os.environ))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def lines_of_a_start(soft: int, hard: int, **variables: str) -> tuple[list[dict[str, Any]], int]:
    """What a process with these limits of open files logs, and the soft limit that it has then."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(soft=soft, hard=hard)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    *logged, raised = done.stdout.splitlines()
    return [json.loads(line) for line in logged], int(raised)


def test_the_numbers_are_logged_in_one_line_and_the_soft_limit_is_raised_as_far_as_needed() -> None:
    (line,), soft = lines_of_a_start(
        256, 4096, CHATRIX_MAX_STREAMS="8", CHATRIX_MAX_CONNECTIONS="100", CHATRIX_MAX_BODY_BYTES=str(MIB)
    )
    assert soft == line["open_files"] == 256, "256 are enough for these settings"
    assert (line["level"], line["message"]) == ("INFO", "limits")
    assert line["requests_at_once"] == 8
    assert line["max_connections"] == 100
    assert line["memory_needed_mib"] < line["memory_mib"]

    assert line["bodies_mib"] == 8

    (line, *_), soft = lines_of_a_start(256, 4096)
    assert soft == line["open_files"] == 2048 + 256 + RESERVED_FILES
    assert line["max_connections"] == 2048


def test_too_few_descriptors_mean_fewer_connections_and_a_warning_that_says_what_to_do() -> None:
    lines, soft = lines_of_a_start(256, 1024, AWS_LAMBDA_FUNCTION_MEMORY_SIZE="99999999")
    (line,) = [each for each in lines if each["message"] == "limits"]
    assert (soft, line["max_connections"]) == (1024, 1024 - 256 - RESERVED_FILES)
    (warning,) = [each for each in lines if "open" in each["message"]]
    assert warning["level"] == "WARNING"
    assert "CHATRIX_MAX_CONNECTIONS=2048" in warning["message"]
    assert f"Raise the limit to {2048 + 256 + RESERVED_FILES}" in warning["message"]


@pytest.mark.parametrize("open_files", [3, 16, 64, 128, 300, 512, 1024, 65_536])
@pytest.mark.parametrize("requests", [1, 256, 65_535])
def test_a_connection_that_is_let_in_finds_a_descriptor_for_bedrock(open_files: int, requests: int) -> None:
    connections = connections_within(open_files, 2048, requests)
    assert 1 <= connections <= 2048
    if open_files >= 4:
        assert connections + min(connections, requests) <= open_files
    if open_files >= 2048 + requests + RESERVED_FILES:
        assert connections == 2048


def test_memory_that_does_not_do_is_a_warning_with_settings_that_fit() -> None:
    (warning,) = planned(memory_mib=256).warnings
    assert "256 requests at once, one of them with a body of 32 MiB, could need" in warning
    assert "there are 256 (by Lambda)" in warning
    asked = asked_for(warning)
    assert set(asked) == {"CHATRIX_MAX_STREAMS"}, "256 at once are too many, however short their bodies"
    assert planned(memory_mib=256, max_streams=asked["CHATRIX_MAX_STREAMS"]).warnings == ()
    assert planned(memory_mib=256, max_streams=asked["CHATRIX_MAX_STREAMS"] + 1).warnings != ()

    (warning,) = planned(memory_mib=400).warnings
    body_bytes = asked_for(warning)["CHATRIX_MAX_BODY_BYTES"]
    assert planned(memory_mib=400, max_body_bytes=body_bytes).warnings == ()
    assert planned(memory_mib=400, max_body_bytes=body_bytes + MIB).warnings != ()


def asked_for(warning: str) -> dict[str, int]:
    ways = (way.rstrip(".,").split("=") for way in warning.split() if "=" in way)
    return {name: int(value) for name, value in ways}


@pytest.mark.parametrize(("memory_mib", "bodies_mib"), [(256, 32), (512, 56), (1024, 226), (2048, 512), (16_384, 512)])
def test_bodies_get_what_memory_is_left_and_no_more(memory_mib: int, bodies_mib: int) -> None:
    limits = planned(memory_mib=memory_mib)
    assert limits.max_bodies_bytes // MIB == bodies_mib
    assert (limits.needed_bytes <= memory_mib * MIB) == (memory_mib > 256)
    assert bool(limits.warnings) == (memory_mib == 256)


def planned(memory_mib: int, **settings: Any) -> Limits:
    return plan_limits(Settings(max_connections=64, **settings), {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mib)})


@pytest.mark.parametrize(("memory_mib", "connections"), [(64, 256), (512, 1024), (1024, 2048), (4096, 2048)])
def test_connections_without_a_key_get_a_quarter_of_the_memory(memory_mib: int, connections: int) -> None:
    limits = plan_limits(Settings(), {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mib)})
    assert limits.max_connections == connections


def test_on_lambda_one_request_at_a_time_of_lambdas_own_size_fits_the_smallest_function_that_is_deployed() -> None:
    limits = plan_limits(Settings(behind_adapter=True), {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"})
    assert (limits.requests_at_once, limits.body_bytes) == (1, 6 * MIB)
    assert limits.warnings == ()
    limits = plan_limits(Settings(behind_adapter=True), {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"})
    assert len(limits.warnings) == 1


def test_the_sum_is_the_one_that_is_documented() -> None:
    limits = planned(memory_mib=512, max_streams=2, max_body_bytes=10 * MIB)
    assert limits.max_bodies_bytes == 20 * MIB
    assert limits.needed_bytes == RESTING_BYTES + 64 * 128 * 1024 + 2 * MIB + COPIES_OF_A_BODY * 20 * MIB


# --- where the memory is read


def machine(root: Path, groups: str) -> Path:
    """A root in which the process belongs to these control groups."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    return root


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    """Version 2, as a container sees it: its own group is the topmost."""
    root = machine(tmp_path, "0::/\n")
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/memory.max").write_text(f"{300 * MIB}\n")
    found = memory_there_is({}, root)
    assert (found.there_is_bytes, found.source) == (300 * MIB, "the control group")


def test_the_least_of_all_groups_above_counts(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/system.slice/chatrix.service\n")
    group = root / "sys/fs/cgroup/system.slice/chatrix.service"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group.parent / "memory.max").write_text(f"{200 * MIB}\n")
    assert memory_there_is({}, root).there_is_bytes == 200 * MIB
    (group / "memory.max").write_text(f"{100 * MIB}\n")
    assert memory_there_is({}, root).there_is_bytes == 100 * MIB


def test_control_groups_of_version_1_count(tmp_path: Path) -> None:
    root = machine(tmp_path, "5:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n")
    folder = root / "sys/fs/cgroup/memory"
    folder.mkdir(parents=True)
    # The machine's name of the group leads nowhere inside the container.
    (folder / "memory.limit_in_bytes").write_text(f"{64 * MIB}\n")
    assert memory_there_is({}, root).there_is_bytes == 64 * MIB
    (folder / "memory.limit_in_bytes").write_text(f"{HUGE}\n")
    assert memory_there_is({}, root).source == "the machine"


def test_where_nothing_is_limited_the_machines_memory_counts(tmp_path: Path) -> None:
    found = memory_there_is({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "plenty"}, tmp_path)
    assert found.source == "the machine"
    assert found.there_is_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") > 64 * MIB


def test_the_limit_of_this_process_is_left_as_it_is_where_it_is_enough() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    plan_limits(Settings(max_connections=1, max_streams=1), {})
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
