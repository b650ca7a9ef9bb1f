"""`make audit`: does the database of known vulnerabilities, and of poisoned releases, have one of our packages?

It asks OSV, which has both. pip-audit alone will not do: where its other database does not know a package at all, as
behind a mirror, it reports that nothing was found and exits 0. So its list is read, and a package that it has not
looked at is not a package without holes.

Exit code 0: every package was looked at, and nothing is known. 1: something is. 3: it could not be asked, and that was
demanded (`--require-database`); without that word it is 0 and a warning that cannot be overlooked, so that a machine
without the network can still test everything else. 2: pip-audit failed in another way.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.supply.installation import ROOT, installed_tools

CLEAN: Final = 0
VULNERABLE: Final = 1
FAILED: Final = 2
NOT_ASKED: Final = 3
TIMEOUT_SECONDS: Final = 300
# How pip-audit and requests name what has nothing to do with us: no way there, or nobody at home.
OUT_OF_REACH: Final = re.compile(
    r"\b(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ServiceError|Could not connect)\b"
)
PINNED: Final = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    exit_code: int
    lines: tuple[str, ...]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements.txt")
    parser.add_argument("--osv-url", help="another OSV than the public one")
    parser.add_argument("--require-database", action="store_true", help="exit code 3 where it cannot be asked")
    chosen = parser.parse_args(words)
    report, errors = run_pip_audit(chosen.lock, chosen.osv_url)
    verdict = judge(chosen.lock.read_text(), report, errors)
    for line in verdict.lines:
        print(line)
    if verdict.exit_code == NOT_ASKED and not chosen.require_database:
        if os.environ.get("GITHUB_ACTIONS"):
            print(f"::warning title=Not audited::{verdict.lines[0]}")
        return CLEAN
    return verdict.exit_code


def run_pip_audit(lock: Path, osv_url: str | None) -> tuple[str, str]:
    """Its report, empty when it has not come so far, and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(installed_tools() / "pip-audit"), "--requirement", str(lock), "--require-hashes", "--no-deps"]
        command += ["--disable-pip", "--vulnerability-service", "osv", "--progress-spinner", "off"]
        command += ["--format", "json", "--output", str(report), "--cache-dir", f"{folder}/cache"]
        command += ["--osv-url", osv_url] if osv_url else []
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
        return (report.read_text() if report.is_file() else ""), done.stderr


def judge(lock: str, report: str, errors: str) -> Verdict:
    """What the report means for this lock."""
    wanted = {normal(name): version for name, version in PINNED.findall(lock)}
    if not report.strip():
        last = errors.strip().splitlines()[-1:] or ["it said nothing"]
        if OUT_OF_REACH.search(errors):
            return not_asked(f"the database could not be reached ({last[0][:300]})", len(wanted))
        return Verdict(FAILED, (f"pip-audit failed: {last[0][:300]}",))
    looked_at = {normal(each["name"]): each for each in json.loads(report)["dependencies"] if "skip_reason" not in each}
    found = [
        f"{name} {each['version']}: {vulnerability['id']} ({', '.join(vulnerability['fix_versions']) or 'no fix yet'})"
        for name, each in sorted(looked_at.items())
        for vulnerability in each["vulns"]
    ]
    if found:
        return Verdict(VULNERABLE, (f"KNOWN VULNERABILITIES: {len(found)}, with the versions that mend them", *found))
    missing = sorted(name for name in wanted if looked_at.get(name, {}).get("version") != wanted[name])
    if missing:
        return not_asked(f"the database does not know {', '.join(missing)}", len(wanted))
    return Verdict(CLEAN, (f"{len(wanted)} packages looked at, no known vulnerability.",))


def not_asked(reason: str, count: int) -> Verdict:
    return Verdict(NOT_ASKED, (f"NOT AUDITED: {reason}. Nothing is known about {count} packages.",))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
