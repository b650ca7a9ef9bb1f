"""Inference profiles: the system's own, one for each row of the catalog and each geography, and the account's.

A few are in no catalog, so that a gateway can be seen to find a model that nobody has told it about.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway.catalog import MODELS, Model
from gateway.simulator.models import APPLICATION_PROFILE

ProfileType = Literal["SYSTEM_DEFINED", "APPLICATION"]

# Made up, like the account.
REGION: Final = "us-west-2"
ACCOUNT: Final = "000000000000"
ARN_PREFIX: Final = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:"
SINCE: Final = "2026-01-01T00:00:00Z"
# Where the requests of a profile may be answered; the first two are enough for a list.
REGIONS: Final = {
    "global": ("us-east-1", "eu-west-1"),
    "us": ("us-east-1", "us-west-2"),
    "us-gov": ("us-gov-east-1", "us-gov-west-1"),
    "eu": ("eu-west-1", "eu-central-1"),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "apac": ("ap-south-1", "ap-southeast-1"),
}


@dataclass(frozen=True, slots=True)
class InferenceProfile:
    """`profile_id` is what goes into a request's URL; `base_id` the model that answers."""

    profile_id: str
    base_id: str
    name: str
    type: ProfileType = "SYSTEM_DEFINED"

    @property
    def arn(self) -> str:
        kind = "inference-profile/" if self.type == "SYSTEM_DEFINED" else APPLICATION_PROFILE.removeprefix(":")
        return f"{ARN_PREFIX}{kind}{self.profile_id}"

    @property
    def model_arns(self) -> tuple[str, ...]:
        regions = REGIONS.get(self.profile_id.partition(".")[0], (REGION,))
        return tuple(f"arn:aws:bedrock:{region}::foundation-model/{self.base_id}" for region in regions)

    def summary(self) -> dict[str, Any]:
        """As ListInferenceProfiles and GetInferenceProfile have it."""
        return {
            "createdAt": SINCE,
            "description": f"Routes requests to {self.name}",
            "inferenceProfileArn": self.arn,
            "inferenceProfileId": self.profile_id,
            "inferenceProfileName": self.name,
            "models": [{"modelArn": arn} for arn in self.model_arns],
            "status": "ACTIVE",
            "type": self.type,
            "updatedAt": SINCE,
        }


UNHEARD_OF: Final = (
    InferenceProfile("global.anthropic.claude-opus-6", "anthropic.claude-opus-6", "GLOBAL Claude Opus 6"),
    InferenceProfile("us.anthropic.claude-opus-6", "anthropic.claude-opus-6", "US Claude Opus 6"),
    InferenceProfile(
        "eu.anthropic.claude-saga-1-20270101-v1:0", "anthropic.claude-saga-1-20270101-v1:0", "EU Claude Saga 1"
    ),
)
APPLICATIONS: Final = (
    InferenceProfile("simulatedteam", "anthropic.claude-sonnet-4-6", "Simulated team", "APPLICATION"),
    InferenceProfile("simulatednews", "anthropic.claude-opus-6", "Simulated newcomer", "APPLICATION"),
)


def known_profiles() -> list[InferenceProfile]:
    """What a simulator starts with."""
    rows = [profile for row in MODELS if row.is_active for profile in _profiles_of(row)]
    return [*rows, *UNHEARD_OF, *APPLICATIONS]


def _profiles_of(row: Model) -> Iterator[InferenceProfile]:
    # The service's pattern for names has no dots.
    name = row.display_name.replace(".", "-")
    for geography in row.profiles:
        yield InferenceProfile(f"{geography}.{row.model_id}", row.model_id, f"{geography.upper()} {name}")
