"""Which models exist here, and by whose rules each of them refuses a request.

A model id is judged by an own pattern, so that a catalog with a wrong id does not agree with itself. What a known
model takes stands in the catalog's columns; one that nobody knows is held to what all models of its vendor share.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.catalog import ALL_EFFORTS, MODELS, Capabilities, Model
from gateway.simulator.refusals import Refusal, invalid

_GEOGRAPHIES: Final = "us-gov|us|eu|jp|au|apac|ca|global"
PROFILE_PREFIX: Final = rf"(?:{_GEOGRAPHIES})\."
_GEOGRAPHY: Final = re.compile(rf"({_GEOGRAPHIES})\.")
_MODEL_ID: Final = re.compile(
    rf"(?:{PROFILE_PREFIX})?"
    r"(?:anthropic\.claude-|amazon\.(?:nova|titan)|openai\.|deepseek\.|qwen\.|moonshot(?:ai)?\.|mistral\.|meta\.|zai\."
    r"|minimax\.|google\.|nvidia\.|writer\.|cohere\.|ai21\.|xai\.)"
    r"[a-z0-9.-]*[a-z0-9](?::[0-9]+)?"
)
_MODEL_ARN: Final = re.compile(
    r"arn:aws(?:-[a-z-]+)?:bedrock:[a-z0-9-]{1,20}:(?:"
    r"[0-9]{12}:(?:inference-profile|application-inference-profile)/[a-zA-Z0-9:.-]+"
    r"|:foundation-model/[a-z0-9.:-]+)"
)
_PROFILE: Final = re.compile(rf"{PROFILE_PREFIX}.+|arn:.*:(?:application-)?inference-profile/.+")
APPLICATION_PROFILE: Final = ":application-inference-profile/"
CLAUDE: Final = "anthropic.claude-"

UNKNOWN_MODEL: Final = "The provided model identifier is invalid."
END_OF_LIFE: Final = (
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
)

# Taken by at least one Claude through Converse, by reports of November 2026.
KNOWN_BETAS: Final = tuple(sorted({beta for row in MODELS for beta in row.capabilities.betas}))
# What no row says anything about is not refused.
_ANY_CLAUDE: Final = Capabilities(
    thinking=("adaptive", "between_tools", "disabled", "enabled"),
    effort=ALL_EFFORTS,
    betas=KNOWN_BETAS,
    sampling=True,
    sampling_together=True,
    prefill=True,
    strict_tools=True,
    native_format="yes",
    counts_tokens=True,
)
_ANY_OTHER: Final = Capabilities(
    thinking=(),
    sampling=True,
    sampling_together=True,
    native_tool_choice=False,
    prefill=True,
    strict_tools=True,
    native_format="yes",
    cache_points=(),
    reasoning_history="unsigned",
    reasoning_effort="reasoning_effort",
    response_field_paths=False,
)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model behind one request. `model_id` as it stands in the URL, `base_id` without profile."""

    model_id: str
    base_id: str
    capabilities: Capabilities
    row: Model | None = None
    """The catalog's row; None for a model it does not have. Its nearest kin may still lend the capabilities."""

    @property
    def is_claude(self) -> bool:
        return CLAUDE in self.base_id

    @property
    def is_profile(self) -> bool:
        return _PROFILE.fullmatch(self.model_id) is not None

    def check_on_demand(self) -> None:
        """From 3.5 to 4.6 a Claude answers only through a profile; later ones are served in some Regions by base id."""
        if self.is_claude and not self.is_profile and self.row is not None and self.capabilities.sampling:
            raise invalid(
                # The apostrophe is Bedrock's own.
                f"Invocation of model ID {self.base_id} with on-demand throughput isn’t supported. Retry your "  # noqa: RUF001
                "request with the ID or ARN of an inference profile that contains this model."
            )

    @property
    def omits_thinking(self) -> bool:
        """From 4.7 on, `thinking.display` is `omitted` unless the request says otherwise."""
        return self.is_claude and not self.capabilities.sampling


def check_model_id(model_id: str) -> None:
    if not (_MODEL_ID.fullmatch(model_id) or _MODEL_ARN.fullmatch(model_id)):
        raise invalid(UNKNOWN_MODEL)


def serve(model_id: str, profiled_id: str | None = None) -> ServedModel:
    """`profiled_id`: the base model of an application profile, when the control plane knows it. May refuse the id."""
    check_model_id(model_id)
    base_id = _base_id(profiled_id or model_id)
    row = next((row for row in MODELS if row.model_id == base_id), None)
    if row is not None:
        _check_lifecycle(row)
        _check_geography(row, model_id, profiled_id)
        return ServedModel(model_id, base_id, row.capabilities, row)
    if APPLICATION_PROFILE in base_id:
        # Nobody can tell which model it hides: a Claude, bound by what all Claudes share.
        return ServedModel(model_id, CLAUDE + base_id, _ANY_CLAUDE)
    if CLAUDE not in base_id:
        return ServedModel(model_id, base_id, _ANY_OTHER)
    return ServedModel(model_id, base_id, _newest_kin(base_id))


def _base_id(model_id: str) -> str:
    plain = model_id if APPLICATION_PROFILE in model_id else model_id.rpartition("/")[2]
    return re.sub(rf"^{PROFILE_PREFIX}", "", plain)


def _check_lifecycle(row: Model) -> None:
    """A retired model is gone: the newer of them still say so, the older ids are unknown altogether."""
    if not row.is_active and row.end_of_life is None:
        raise invalid(UNKNOWN_MODEL)
    if not row.is_active:
        raise Refusal("ResourceNotFoundException", END_OF_LIFE)


def _check_geography(row: Model, model_id: str, profiled_id: str | None) -> None:
    """A profile exists where the row says so, or where the control plane lists it."""
    geography = _GEOGRAPHY.match(model_id.rpartition("/")[2])
    if geography is not None and geography[1] not in row.profiles and profiled_id is None:
        raise invalid(UNKNOWN_MODEL)


def _newest_kin(base_id: str) -> Capabilities:
    """A Claude from the future obeys the newest of its family."""
    kin = next((row for row in MODELS if row.is_claude and row.is_active and str(row.family) in base_id), None)
    return kin.capabilities if kin else _ANY_CLAUDE
