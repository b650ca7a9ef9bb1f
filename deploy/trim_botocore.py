"""Takes from botocore's data what no start needs: endpoints of other services, and the documentation of these.

    python trim_botocore.py BOTOCORE_DATA SERVICE...

Each process reads the list of endpoints and the descriptions of the services that it calls, and keeps them. Of the list
1.2 MB become 30 KB. The partitions with their regions, rules for names and defaults stay, so that a region or a service
that nobody has listed is found as before. Documentation is only read for help texts.
"""

import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DESCRIPTION = "service-2.json.gz"
DOCUMENTATION = "documentation"


def trim(data: Path, kept: Iterable[str]) -> None:
    """`kept`: services by the names of their folders."""
    prefixes = set()
    for file in [each for service in kept for each in data.glob(f"{service}/*/{DESCRIPTION}")]:
        description = json.loads(gzip.decompress(file.read_bytes()))
        # What the service is called among the endpoints: `sso-oidc` is `oidc` there.
        prefixes.add(description["metadata"]["endpointPrefix"])
        # Not compressed: botocore looks for that first, and the image is compressed as a whole.
        file.with_suffix("").write_text(json.dumps(without_documentation(description)))
        file.unlink()
    trim_endpoints(data / "endpoints.json", prefixes)


def trim_endpoints(file: Path, prefixes: set[str]) -> None:
    endpoints = json.loads(file.read_bytes())
    for partition in endpoints["partitions"]:
        services: dict[str, Any] = partition["services"]
        partition["services"] = {name: each for name, each in services.items() if name in prefixes}
    file.write_text(json.dumps(endpoints))


def without_documentation(value: Any) -> Any:
    """A member of a shape may have that name too; it is an object."""
    if isinstance(value, list):
        return [without_documentation(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_documentation(each)
        for name, each in value.items()
        if name != DOCUMENTATION or not isinstance(each, str)
    }


if __name__ == "__main__":
    trim(Path(sys.argv[1]), sys.argv[2:])
