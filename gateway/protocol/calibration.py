"""How far the estimates of a family's text are off, learned from what Bedrock reports.

Models that share a tokeniser share a factor. It goes up fast and down slowly: of prompts that differ, the dense ones
decide, because a conversation that is compacted too late fails, and one compacted too early only loses a little.
Nothing is random and there is no clock: the same observations give the same factor.
"""

from math import ceil
from typing import Final

from gateway.catalog import Model
from gateway.protocol.estimate import Estimate
from gateway.protocol.usage import Usage

# The weight of a new observation in the average. About 20 requests until a too high estimate has come down.
WEIGHT_UP: Final = 0.3
WEIGHT_DOWN: Final = 0.06
# Observed or applied, nothing is believed beyond: a caller's odd text must not spoil the numbers of the others.
LOWEST_FACTOR: Final = 0.6
HIGHEST_FACTOR: Final = 2.0
# In fewer tokens the constants of the estimate weigh more than its text.
SMALLEST_REPORT: Final = 500
# A larger share of pictures hides what the text cost.
LARGEST_PICTURE_SHARE: Final = 0.1

# What decides how text becomes tokens, as far as the catalog knows. Few values, so few factors are ever kept.
Tokeniser = tuple[str, float]


class Calibration:
    """Lives as long as the app, in its memory only."""

    def __init__(self) -> None:
        self._factors: dict[Tokeniser, float] = {}

    def tokens(self, model: Model, estimate: Estimate) -> int:
        """What callers are told."""
        return ceil(estimate.texts * self._factors.get(_tokeniser(model), 1.0)) + estimate.pictures

    def observe(self, model: Model, estimate: Estimate, usage: Usage) -> None:
        """An answer's usage. All zeros, as when Bedrock did not say, teach nothing."""
        self.learn(model, estimate, usage.input + usage.cache_read + usage.cache_write)

    def learn(self, model: Model, estimate: Estimate, reported_tokens: int) -> None:
        """What Bedrock counted for the request that `estimate`, as it came and without a factor, is about."""
        if reported_tokens < SMALLEST_REPORT or estimate.pictures > LARGEST_PICTURE_SHARE * reported_tokens:
            return
        observed = (reported_tokens - estimate.pictures) / max(estimate.texts, 1)
        observed = max(LOWEST_FACTOR, min(observed, HIGHEST_FACTOR))
        factor = self._factors.get(_tokeniser(model), 1.0)
        weight = WEIGHT_UP if observed > factor else WEIGHT_DOWN
        self._factors[_tokeniser(model)] = factor + weight * (observed - factor)


def _tokeniser(model: Model) -> Tokeniser:
    return model.family, model.capabilities.token_density
