"""How many calls may be repeated, over all requests: an outage must not double the load on what is down.

Each retry takes one token, each call that Bedrock has accepted gives a tenth of one back. No clock: while nothing
succeeds, nothing is repeated.
"""

from typing import Final

# A restart of what stands in front of Bedrock cuts a handful of pooled connections at once.
CAPACITY: Final = 10.0
RETURNED_BY_SUCCESS: Final = 0.1


class RetryBudget:
    def __init__(self) -> None:
        self._tokens = CAPACITY

    def take(self) -> bool:
        """False: spent."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def succeeded(self) -> None:
        self._tokens = min(CAPACITY, self._tokens + RETURNED_BY_SUCCESS)
