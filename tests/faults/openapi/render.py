"""`make openapi`: docs/openapi.yaml anew."""

import json
from pathlib import Path
from typing import Final

import yaml

from tests.faults.openapi.description import described

DOCUMENT: Final = Path(__file__).parents[3] / "docs" / "openapi.yaml"


def rendered() -> str:
    # Through JSON: what stands twice is written twice, and not as a reference of YAML's own, which nobody reads.
    separate = json.loads(json.dumps(described()))
    return str(yaml.safe_dump(separate, sort_keys=False, width=120, allow_unicode=True))


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(), encoding="utf-8")
