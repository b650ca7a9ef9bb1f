"""Where a request may be answered: the geographies of inference profiles, and the rule of data residency.

A profile's geography is the prefix of its id. `region` is our own word for no profile at all: the base id, answered in
the Region that is called. https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

REGION: Final = "region"
GLOBAL: Final = "global"
PROFILE_GEOGRAPHIES: Final = (GLOBAL, "us-gov", "us", "eu", "jp", "au", "apac", "ca", "in", "sa")
GEOGRAPHIES: Final = (*PROFILE_GEOGRAPHIES, REGION)

# The geographies that lie around a Region, the narrowest first; the first prefix that fits wins.
_AROUND: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("us-gov-", ("us-gov",)),
    ("us-", ("us",)),
    ("ca-", ("ca", "us")),
    ("sa-", ("sa",)),
    ("eu-", ("eu",)),
    ("ap-northeast-1", ("jp", "apac")),
    ("ap-northeast-3", ("jp", "apac")),
    ("ap-southeast-2", ("au", "apac")),
    ("ap-southeast-4", ("au", "apac")),
    ("ap-south-", ("in", "apac")),
    ("ap-", ("apac",)),
)
# Partitions of AWS without the commercial profiles, and what their Regions can call.
_OTHER_PARTITIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("us-gov-", ("us-gov", REGION)),
    ("cn-", (REGION,)),
)


class NotInGeography(Exception):
    """The model exists, but not where requests may go. The message is for the caller."""

    def __init__(self, name: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"{name} is not served where this gateway may send requests ({', '.join(allowed)}). "
            "GET /v1/models lists what there is."
        )


def geographies_around(region: str) -> tuple[str, ...]:
    return next((around for prefix, around in _AROUND if region.startswith(prefix)), ())


def geographies_containing(region: str) -> tuple[str, ...]:
    """Canada may call the profiles of the US, but what is answered in Canada is not answered in the US."""
    return tuple(around for around in geographies_around(region) if around != "us" or region.startswith("us-"))


class Place(NamedTuple):
    """The Region that is called, and the geographies that are allowed, most wanted first. Empty: all of them."""

    region: str
    allowed: tuple[str, ...] = ()

    def choose(self, served: Sequence[str]) -> str | None:
        """Of the geographies that serve a model, the one to use. None: none is allowed."""
        wanted = self.allowed or (*geographies_around(self.region), GLOBAL, REGION, *served)
        if REGION in served and REGION not in wanted and self.permits(REGION):
            wanted = (*wanted, REGION)
        return next((geography for geography in wanted if geography in served and geography in self.reachable), None)

    @property
    def reachable(self) -> tuple[str, ...]:
        """What the Region's partition of AWS has at all."""
        return next((own for prefix, own in _OTHER_PARTITIONS if self.region.startswith(prefix)), GEOGRAPHIES)

    def permits(self, geography: str) -> bool:
        """A request that stays in its Region stays in every geography that contains it."""
        if geography not in self.reachable:
            return False
        if not self.allowed or geography in self.allowed:
            return True
        return geography == REGION and not {GLOBAL, *geographies_containing(self.region)}.isdisjoint(self.allowed)

    def permits_regions(self, regions: Sequence[str]) -> bool:
        """All these Regions are inside what is allowed. An empty name is how `global` profiles name their Regions."""
        if not self.allowed or GLOBAL in self.allowed:
            return True
        return bool(regions) and all(self._permits_region(region) for region in regions)

    def _permits_region(self, region: str) -> bool:
        return not set(geographies_containing(region)).isdisjoint(self.allowed) or (
            REGION in self.allowed and region == self.region
        )


def parse_geographies(text: str) -> tuple[str, ...]:
    """`eu,global`: most wanted first. Raises ValueError with the reason."""
    names = tuple(part.strip().lower() for part in text.split(","))
    if not set(names) <= set(GEOGRAPHIES) or len(set(names)) < len(names):
        raise ValueError(f"allowed are, each once and separated by commas: {', '.join(GEOGRAPHIES)}")
    return names
