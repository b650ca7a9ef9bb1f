"""The bill of materials: everything that is deployed, nothing else, and in the form that scanners read."""

import json
import re
import subprocess

import pytest

from tests.supply.installation import ROOT
from tests.supply.sbom import Incomplete, Json, build, images, main, package, validate


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """As `make sbom` writes it."""
    written = tmp_path_factory.mktemp("build") / "folder" / "sbom.cdx.json"
    assert main(written) == 0
    found: Json = json.loads(written.read_text())
    return found


def components(bill: Json, kind: str) -> list[Json]:
    return [each for each in bill["components"] if each["type"] == kind]


def test_it_has_the_packages_of_the_run_time_lock_with_all_their_hashes_and_a_licence(bill: Json) -> None:
    lock = (ROOT / "requirements.txt").read_text()
    listed = {f"{each['name']}=={each['version']}" for each in components(bill, "library")}
    assert listed == {pin.replace("[", "").split(" ")[0] for pin in re.findall(r"^[\w.-]+==\S+", lock, re.MULTILINE)}
    hashes = {
        digest["content"]
        for each in components(bill, "library")
        for file in each["externalReferences"]
        for digest in file["hashes"]
    }
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
    for each in components(bill, "library"):
        assert each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}"
        assert each["licenses"]


def test_it_names_the_images_that_the_dockerfile_starts_from(bill: Json) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    named = [f"{each['name']}:{each['version']}" for each in components(bill, "container")]
    assert named == re.findall(r"^ARG (?:PYTHON|LWA)_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert len(named) == 2


def test_every_package_can_be_reached_from_the_root(bill: Json) -> None:
    graph = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, waiting = set(), [bill["metadata"]["component"]["bom-ref"]]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += graph[reference]
    assert reached - {"chatrix"} == {each["bom-ref"] for each in components(bill, "library")}


def test_two_of_them_are_alike(bill: Json) -> None:
    """No time stamp and no serial number: a difference between two is a difference between two images."""
    assert build() == bill


def test_what_is_not_in_cyclonedxs_form_is_not_written(bill: Json) -> None:
    small = {**bill, "components": components(bill, "container"), "dependencies": []}
    validate(small)
    small["components"][0]["type"] = "thing"
    with pytest.raises(subprocess.CalledProcessError):
        validate(small)


def test_a_package_without_hash_or_licence_is_no_entry() -> None:
    url = "pkg:pypi/example@1"
    locked = {"name": "example", "version": "1", "purl": url, "externalReferences": [{"hashes": [{"alg": "SHA-256"}]}]}
    installed = {url: {"licenses": [{"license": {"id": "MIT"}}]}}
    assert package(locked, installed)["bom-ref"] == url
    with pytest.raises(Incomplete, match="no licence"):
        package(locked, {})
    with pytest.raises(Incomplete, match="no hash"):
        package({**locked, "externalReferences": []}, installed)


def test_a_dockerfile_without_a_base_image_is_noticed() -> None:
    with pytest.raises(Incomplete, match="PYTHON_IMAGE"):
        list(images("FROM scratch\n"))


def test_it_is_written_where_git_does_not_look() -> None:
    assert "build/" in (ROOT / ".gitignore").read_text().splitlines()
