"""The tools of `make sbom` and `make audit`: 50 packages that look at packages."""

from pathlib import Path
from typing import Final

from tests.support.tool_environment import ROOT, tool_environment

LOCK: Final = Path(__file__).parent / "requirements.txt"

__all__ = ["ROOT", "installed_tools"]


def installed_tools() -> Path:
    """The folder with `cyclonedx-py`, `pip-audit` and their `python`."""
    return tool_environment("supply", LOCK)
