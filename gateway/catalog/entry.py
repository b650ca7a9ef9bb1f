"""The form of a row of the catalog: a model as Bedrock has it, and what it costs."""

import re
from datetime import date
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import msgspec

from gateway.catalog.capabilities import Capabilities
from gateway.catalog.geography import REGION

ClaudeFamily = Literal["fable", "mythos", "opus", "sonnet", "haiku"]
OtherFamily = Literal["nova", "gpt", "gpt-oss", "deepseek", "qwen", "kimi", "glm", "minimax", "mistral", "llama"]
Family = ClaudeFamily | OtherFamily
CLAUDE_FAMILIES: Final = frozenset({"fable", "mythos", "opus", "sonnet", "haiku"})
Lifecycle = Literal["active", "legacy", "retired"]

PRICES_SOURCE: Final = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"
PRICES_DATE: Final = date(2026, 11, 22)
# By what a geography costs more than `global`. Only where `Prices.regional_premium` says so; source as above.
PROFILE_PREMIUMS: Final = {
    "us": Decimal("1.10"),
    "eu": Decimal("1.10"),
    "jp": Decimal("1.10"),
    "au": Decimal("1.10"),
    "us-gov": Decimal("1.20"),
}
CACHE_WRITE_5M_FACTOR: Final = Decimal("1.25")
CACHE_WRITE_1H_FACTOR: Final = Decimal(2)


class LongContext(NamedTuple):
    """A request with more input tokens than this costs these factors more, all of it."""

    over_tokens: int
    input_factor: Decimal
    output_factor: Decimal


class Prices(msgspec.Struct, frozen=True):
    """USD per million tokens on the `global` profile, or in the Region where there is none, as of `as_of`."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal
    """The input price where the model caches nothing."""
    regional_premium: bool = True
    cache_write_5m_factor: Decimal = CACHE_WRITE_5M_FACTOR
    long_context: LongContext | None = None
    source: str = PRICES_SOURCE
    as_of: date = PRICES_DATE

    @property
    def cache_write_5m_usd(self) -> Decimal:
        return self.input_usd * self.cache_write_5m_factor

    @property
    def cache_write_1h_usd(self) -> Decimal:
        return self.input_usd * CACHE_WRITE_1H_FACTOR


UNKNOWN_RELEASE: Final = "1970-01-01T00:00:00Z"
_DATE_IN_ID: Final = re.compile(r"-(20\d\d)(\d\d)(\d\d)-")


class Model(msgspec.Struct, frozen=True):
    """One row: a model as Bedrock has it. `model_id` is the base id, without the prefix of an inference profile."""

    name: str
    model_id: str
    family: Family
    context_tokens: int
    max_output_tokens: int
    capabilities: Capabilities
    prices: Prices | None = None
    profiles: tuple[str, ...] = ()
    """The geographies that have an inference profile. Empty: the base id is called, in the Region."""
    in_region: bool | tuple[str, ...] = False
    """Beside the profiles the base id answers too: wherever Bedrock has the model, or in these Regions alone."""
    cache_minimum_tokens: int = 1024
    """A shorter prefix is silently not cached."""
    lifecycle: Lifecycle = "active"
    end_of_life: date | None = None
    successor: str | None = None
    """The row that serves this name once it is retired: the nearest one that takes the same requests."""
    limited_access: bool = False
    aliases: tuple[str, ...] = ()
    shown_as: str = ""
    """Its name for people, where the one made from `name` would be wrong."""
    released_on: date | None = None
    """Where the id has no date."""

    @property
    def is_claude(self) -> bool:
        """It takes and answers Claude's own fields through Converse."""
        return self.family in CLAUDE_FAMILIES

    @property
    def is_active(self) -> bool:
        """It still answers. A retired row is only there to name its successor."""
        return self.lifecycle != "retired"

    @property
    def vendor(self) -> str:
        return self.model_id.partition(".")[0]

    def geographies(self, region: str) -> tuple[str, ...]:
        """Where it can be had from a Region; `region` is the base id."""
        is_here = region in self.in_region if isinstance(self.in_region, tuple) else self.in_region
        return (*self.profiles, REGION) if is_here or not self.profiles else self.profiles

    @property
    def released(self) -> str:
        """RFC 3339, from the row or the id's date; the epoch, as in Anthropic's own list, where neither has one."""
        if self.released_on is not None:
            return f"{self.released_on}T00:00:00Z"
        day = _DATE_IN_ID.search(self.model_id)
        return f"{day[1]}-{day[2]}-{day[3]}T00:00:00Z" if day else UNKNOWN_RELEASE

    @property
    def display_name(self) -> str:
        """`claude-opus-5-5` is Claude Opus 5.5, `claude-3-5-haiku` Claude 3.5 Haiku."""
        spaced = self.name.replace("-", " ").title()
        return self.shown_as or re.sub(r"(\d) (?=\d)", r"\1.", spaced)

    def id_in(self, geography: str) -> str:
        """Its id under the profile of one of its geographies."""
        return self.model_id if geography == REGION else f"{geography}.{self.model_id}"
