"""Which model ids exist here. Loose on purpose: a new model must not need a new simulator.

The ids are not the catalog's: a catalog with a wrong id must not agree with itself.
"""

import re
from typing import Final

from gateway.simulator.refusals import invalid

PROFILE_PREFIX: Final = r"(?:us-gov|us|eu|jp|au|apac|ca|global)\."
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
_PROFILE: Final = re.compile(rf"{PROFILE_PREFIX}.+|arn:.*")
# Families that take cachePoint blocks; for the others Bedrock refuses the request.
_CACHING: Final = re.compile(r"anthropic\.claude-|amazon\.nova|application-inference-profile/")

UNKNOWN_MODEL: Final = "The provided model identifier is invalid."


def check_model_id(model_id: str) -> None:
    if not (_MODEL_ID.fullmatch(model_id) or _MODEL_ARN.fullmatch(model_id)):
        raise invalid(UNKNOWN_MODEL)


def is_claude(model_id: str) -> bool:
    """An application inference profile hides its model; here it is always a Claude."""
    return "anthropic.claude-" in model_id or "application-inference-profile/" in model_id


def is_profile(model_id: str) -> bool:
    return _PROFILE.fullmatch(model_id) is not None


def can_cache(model_id: str) -> bool:
    return _CACHING.search(model_id) is not None
