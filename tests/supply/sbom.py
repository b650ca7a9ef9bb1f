"""`make sbom`: what the deployed image is made of, as CycloneDX 1.6 in `build/sbom.cdx.json`.

cyclonedx-bom knows one half at a time: from the lock the hashes, from the installed packages the licences and who needs
whom. This puts both together, for the packages of the run-time lock alone, and adds the two images that the Dockerfile
starts from. The result is checked against CycloneDX's own schema before it is written.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from tests.supply.installation import ROOT, installed_tools

OUTPUT: Final = ROOT / "build" / "sbom.cdx.json"
SPEC_VERSION: Final = "1.6"
ROOT_REFERENCE: Final = "chatrix"
IMAGE_ARGUMENTS: Final = ("PYTHON_IMAGE", "LWA_IMAGE")
TOOL_TIMEOUT_SECONDS: Final = 120
VALIDATE: Final = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
if problem:
    sys.exit(f"not CycloneDX 1.6: {str(problem)[:2000]}")
"""

Json = dict[str, Any]


class Incomplete(Exception):
    """The list would lack something. The message says what."""


def main(output: Path = OUTPUT) -> int:
    bill = build()
    validate(bill)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n")
    print(f"{os.path.relpath(output)}: {len(bill['components'])} components, CycloneDX {SPEC_VERSION}")
    return 0


def build() -> Json:
    locked = run_cyclonedx("requirements", str(ROOT / "requirements.txt"))
    installed = run_cyclonedx("environment", sys.executable)
    packages = [package(each, by_url(installed)) for each in locked["components"]]
    metadata = locked["metadata"]
    metadata["component"] |= {"bom-ref": ROOT_REFERENCE, "version": __version__}
    return {
        "$schema": locked["$schema"],
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": metadata,
        "components": [*packages, *images((ROOT / "Dockerfile").read_text())],
        "dependencies": list(dependencies(packages, installed)),
    }


def run_cyclonedx(kind: str, subject: str) -> Json:
    command = [str(installed_tools() / "cyclonedx-py"), kind, "--spec-version", SPEC_VERSION, "--output-reproducible"]
    command += ["--no-validate"]  # 15 s each time; what is made of both is
    command += ["--pyproject", str(ROOT / "pyproject.toml"), subject]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TOOL_TIMEOUT_SECONDS)
    if done.returncode:
        raise Incomplete(done.stderr.decode(errors="replace"))
    bill: Json = json.loads(done.stdout)
    return bill


def by_url(bill: Json) -> dict[str, Json]:
    return {each["purl"]: each for each in bill["components"] if "purl" in each}


def package(locked: Json, installed: Mapping[str, Json]) -> Json:
    """One package of the lock: its files with their hashes from there, its licence as it says itself."""
    url = locked["purl"]
    itself = installed.get(url, {})
    files = [each for each in locked.get("externalReferences", []) if each.get("hashes")]
    if not files or not itself.get("licenses"):
        raise Incomplete(f"{url} has no {'licence' if files else 'hash'}: is the environment that of the lock?")
    kept: Json = {name: itself[name] for name in ("description", "licenses", "author") if name in itself}
    return {
        "type": "library",
        "bom-ref": url,
        "name": locked["name"],
        "version": locked["version"],
        "purl": url,
        "externalReferences": files,
        **kept,
    }


def images(dockerfile: str) -> Iterator[Json]:
    """What the Dockerfile takes if nobody says otherwise. By tag, as it stands there: which digest that was is known
    once the image is built."""
    for argument in IMAGE_ARGUMENTS:
        found = re.search(rf"^ARG {argument}=(\S+):(\S+)$", dockerfile, re.MULTILINE)
        if found is None:
            raise Incomplete(f"the Dockerfile has no default for {argument}")
        repository, tag = found.groups()
        name = repository.rpartition("/")[2]
        yield {
            "type": "container",
            "bom-ref": f"{repository}:{tag}",
            "name": repository,
            "version": tag,
            "purl": f"pkg:oci/{name}?repository_url={repository}&tag={tag}",
            "properties": [{"name": "chatrix:dockerfile-argument", "value": argument}],
        }


def dependencies(packages: list[Json], installed: Json) -> Iterator[Json]:
    """Who needs whom, among the packages of the lock; at the root what the project itself names."""
    urls = {each["bom-ref"]: each["purl"] for each in installed["components"] if "purl" in each}
    wanted = {each["purl"] for each in packages}
    yield {"ref": ROOT_REFERENCE, "dependsOn": sorted(direct(packages))}
    for each in installed["dependencies"]:
        if urls.get(each["ref"]) in wanted:
            below = {urls[reference] for reference in each.get("dependsOn", []) if urls.get(reference) in wanted}
            yield {"ref": urls[each["ref"]], "dependsOn": sorted(below)}


def direct(packages: list[Json]) -> set[str]:
    """Those that pyproject.toml names."""
    project = (ROOT / "pyproject.toml").read_text()
    section = project.partition("\ndependencies = [")[2].partition("]")[0]
    names = set(re.findall(r'^\s*"([\w.-]+)', section, re.MULTILINE))
    return {each["purl"] for each in packages if each["name"] in names}


def validate(bill: Json) -> None:
    """Raises CalledProcessError; what is wrong stands on standard error."""
    command = [str(installed_tools() / "python"), "-c", VALIDATE]
    subprocess.run(command, input=json.dumps(bill), text=True, check=True, timeout=TOOL_TIMEOUT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
