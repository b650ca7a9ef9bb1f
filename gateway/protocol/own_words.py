"""What a caller is told of Bedrock's exceptions, in our own words.

AWS's texts name roles, accounts and hosts in ways that no list of patterns knows whole, and they are written for who
runs the gateway and not for its users. Only those of a ValidationException are passed on: they are about the request,
and clients act on their wording. The words of the others stand in the log, redacted.
"""

import re
from collections.abc import Mapping
from typing import Final

RETIRED: Final = re.compile(r"end of (its )?life|legacy|deprecated", re.IGNORECASE)
USE_CASE: Final = re.compile(r"use case", re.IGNORECASE)
PER_DAY: Final = re.compile(r"per day", re.IGNORECASE)
TOKENS: Final = re.compile(r"tokens", re.IGNORECASE)

DENIED: Final = (
    "Bedrock denied the gateway access to this model. Whoever runs the gateway has to enable the model in its AWS "
    "account and Region, and to let its role call it."
)

OWN_WORDS: Final[Mapping[str, str]] = {
    "accessDeniedException": DENIED,
    "internalServerException": "Bedrock failed to answer (an internal error). Try again.",
    "modelErrorException": "The model failed to answer on Bedrock. Try again.",
    "modelNotReadyException": "The model is not ready on Bedrock yet. Try again in a moment.",
    "modelStreamErrorException": "The model failed in the middle of its answer. Try again.",
    "modelTimeoutException": "The model took longer than Bedrock lets it. Try again, or ask for less at once.",
    "notAuthorized": DENIED,
    "resourceNotFoundException": (
        "Bedrock does not have this model in the gateway's AWS account and Region. GET /v1/models lists what it has."
    ),
    "serviceQuotaExceededException": (
        "The gateway's AWS account has used up its quota for this model on Bedrock. Whoever runs the gateway can ask "
        "AWS for a higher one."
    ),
    "serviceUnavailableException": "Bedrock is unavailable at the moment. Try again.",
    "throttlingException": ("Too many requests: Bedrock slows the gateway's AWS account down. Try again in a moment."),
}
# Where AWS's text gives a hint at what to do.
MORE_EXACT: Final[Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]] = {
    "resourceNotFoundException": (
        (
            RETIRED,
            (
                "Bedrock does not serve this model any more: it has been retired, or was not used for too long. "
                "Choose a newer one; GET /v1/models lists them."
            ),
        ),
        (
            USE_CASE,
            (
                "Bedrock does not serve this model to the gateway's AWS account yet: whoever runs the gateway has to "
                "submit the vendor's use case form in the AWS console first."
            ),
        ),
    ),
    "throttlingException": (
        (
            PER_DAY,
            (
                "Too many tokens per day: the gateway's AWS account has used up what Bedrock gives it for today. Use "
                "another model, or ask whoever runs the gateway for a higher quota."
            ),
        ),
        (TOKENS, "Too many tokens: Bedrock slows the gateway's AWS account down. Try again in a moment."),
    ),
}


def own_words(name: str, said: str) -> str | None:
    """For the exception `name`, which begins in lower case; `said` is AWS's text. None for one that nobody knows."""
    more_exact = (told for hint, told in MORE_EXACT.get(name, ()) if hint.search(said))
    return next(more_exact, None) or OWN_WORDS.get(name)
