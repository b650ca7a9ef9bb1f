"""What a policy check looks at: the plan of a deployment, the plan of a bootstrap, and the repository's files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ACCOUNT: Final = "123456789012"
# Not the name that metrics and tags bear anyway.
NAME: Final = "gateway-of-the-test"
DEPLOYED: Final[Mapping[str, Any]] = {
    "function_name": NAME,
    "image_digest": f"sha256:{'a' * 64}",
    "cors_allowed_origins": ["https://app.example.com"],
    "application_inference_profile_arns": [
        f"arn:aws:bedrock:us-west-2:{ACCOUNT}:application-inference-profile/a1b2c3d4e5f6"
    ],
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """`plan` is of DEPLOYED, `bootstrap` of the defaults. `folder` has the repository's files."""

    plan: dict[str, Any]
    bootstrap: dict[str, Any]
    folder: Path

    def resources(self, kind: str) -> list[dict[str, Any]]:
        return planned(self.plan, kind)

    def resource(self, kind: str) -> dict[str, Any]:
        """The only one of its kind. Raises when there is none, or another one: the check is to be thought over then."""
        (found,) = self.resources(kind)
        return found

    def expressions(self, kind: str) -> dict[str, Any]:
        """How the configuration says the values: what is unknown before the apply is known there by its references."""
        (found,) = [each for each in self.plan["configuration"]["root_module"]["resources"] if each["type"] == kind]
        return dict(found["expressions"])

    def statements(self) -> list[dict[str, Any]]:
        """Of the role's policy. ARNs that AWS gives out are not among the resources yet."""
        documents = [
            change["change"]["after"]
            for change in self.plan["resource_changes"]
            if change["address"] == "data.aws_iam_policy_document.gateway"
        ]
        return list(documents[0]["statement"])

    def text(self, path: str) -> str:
        return (self.folder / path).read_text()

    def texts(self, *patterns: str) -> Iterator[tuple[str, str]]:
        """Name and text of each file. A pattern that finds nothing is a mistake of the check."""
        for pattern in patterns:
            found = sorted(self.folder.glob(pattern))
            if not found:
                raise FileNotFoundError(f"no file matches {pattern}")
            for path in found:
                yield str(path.relative_to(self.folder)), path.read_text()


def planned(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    resources = plan["planned_values"]["root_module"].get("resources", [])
    return [each["values"] for each in resources if each["type"] == kind and each["mode"] == "managed"]


def decoded(text: str) -> Any:
    return json.loads(text)
