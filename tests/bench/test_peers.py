"""What the bench installs of others is exact, is checked against hashes, and names no place to fetch it from."""

import json
import re

from benchmarks.peers import litellm, portkey

PINNED = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][^ *]*)( ; [^\\\n]+)? \\(\n    --hash=sha256:[0-9a-f]{64}( \\)?)+\n"
)
EXACT = re.compile(r"\d+\.\d+\.\d+")
# Withdrawn from PyPI: something was hidden in them.
POISONED = re.compile(r"1\.82\.[78]|1\.107\..*")


def litellm_pins() -> dict[str, list[str]]:
    """The versions of each package: some have one for each Python. Fails if the lock holds anything else."""
    text = re.sub(r"^#.*\n", "", litellm.LOCK.read_text(), flags=re.MULTILINE)
    assert PINNED.sub("", text) == ""
    pins: dict[str, list[str]] = {}
    for each in PINNED.finditer(text):
        pins.setdefault(each["name"], []).append(each["version"])
    return pins


def test_every_package_of_litellm_is_an_exact_release_with_hashes_and_without_a_host() -> None:
    pins = litellm_pins()
    assert len(pins) > 50
    assert "://" not in litellm.LOCK.read_text()


def test_litellm_is_the_release_that_was_asked_for_and_not_a_poisoned_one() -> None:
    asked = (litellm.LOCK.parent / "requirements.in").read_text().splitlines()[-1]
    (version,) = litellm_pins()["litellm"]
    assert asked == f"litellm[proxy]=={version}"
    assert not POISONED.fullmatch(version)


def test_every_package_of_portkey_is_an_exact_release_with_a_hash_and_without_a_host() -> None:
    lock = json.loads((portkey.LOCK / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert len(packages) > 50
    for name, package in packages.items():
        assert EXACT.fullmatch(package["version"]), name
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


def test_portkey_is_the_release_that_was_asked_for() -> None:
    asked = json.loads((portkey.LOCK / "package.json").read_text())["dependencies"]
    lock = json.loads((portkey.LOCK / "package-lock.json").read_text())
    assert lock["packages"][""]["dependencies"] == asked
    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in asked} == asked
