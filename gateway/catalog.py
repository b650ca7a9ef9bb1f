"""Which models there are, what they can do, and which one a name means. The only file that names a model.

Everything is data; `resolve` is the one rule (knowledge of November 2026: Anthropic's model pages, Amazon Bedrock's
model cards and the public price map named in `PRICES_SOURCE`). A name that is not in the table still works: an unknown
`claude-*` is served by the newest row of its family, a retired name by its successor, and both are `substituted`, so
that the caller is told. Only names that match an own pattern in full ever reach a URL.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

Family = Literal["fable", "mythos", "opus", "sonnet", "haiku"]
Lifecycle = Literal["active", "legacy", "retired"]

PRICES_SOURCE: Final = "https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"
PRICES_DATE: Final = date(2026, 11, 22)
# By what a profile costs more than `global`; source as above. Only where `Prices.regional_premium` says so.
PROFILE_PREMIUMS: Final = {
    "us": Decimal("1.10"),
    "eu": Decimal("1.10"),
    "jp": Decimal("1.10"),
    "au": Decimal("1.10"),
    "us-gov": Decimal("1.20"),
}
CACHE_WRITE_5M_FACTOR: Final = Decimal("1.25")
CACHE_WRITE_1H_FACTOR: Final = Decimal(2)


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens on the `global` profile, as of `PRICES_DATE`."""

    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal
    regional_premium: bool = True

    @property
    def cache_write_5m_usd(self) -> Decimal:
        return self.input_usd * CACHE_WRITE_5M_FACTOR

    @property
    def cache_write_1h_usd(self) -> Decimal:
        return self.input_usd * CACHE_WRITE_1H_FACTOR


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a generation of models accepts through Converse, and how densely it tokenises."""

    thinking: tuple[str, ...]
    """Accepted `thinking.type`s. Without `disabled` the model always thinks."""
    effort: tuple[str, ...] = ()
    """Accepted `output_config.effort` levels, lowest first."""
    effort_needs_beta: bool = False
    sampling: bool = False
    """`temperature`, `top_p` and `top_k` exist."""
    forced_tool: bool = True
    prefill: bool = False
    strict_tools: bool = False
    native_format: Literal["yes", "no", "unreliable", "opt_in"] = "no"
    cache_ttl_1h: bool = True
    token_density: float = 1.0
    """Tokens for the same text, relative to the 4.x generation."""


LOW_TO_HIGH: Final = ("low", "medium", "high")
# Anthropic documents `max` for 4.7 and later too, but Bedrock is reported to stop at `xhigh` there.
LOW_TO_XHIGH: Final = (*LOW_TO_HIGH, "xhigh")
ALL_EFFORTS: Final = (*LOW_TO_XHIGH, "max")

CLAUDE_3: Final = Capabilities(thinking=("disabled",), sampling=True, prefill=True, cache_ttl_1h=False)
CLAUDE_4: Final = Capabilities(thinking=("enabled", "disabled"), sampling=True, prefill=True, cache_ttl_1h=False)
CLAUDE_4_5: Final = Capabilities(
    thinking=("enabled", "disabled"), sampling=True, prefill=True, strict_tools=True, native_format="yes"
)
CLAUDE_OPUS_4_5: Final = Capabilities(
    thinking=("enabled", "disabled"),
    effort=LOW_TO_HIGH,
    effort_needs_beta=True,
    sampling=True,
    prefill=True,
    strict_tools=True,
    native_format="yes",
)
CLAUDE_OPUS_4_6: Final = Capabilities(
    thinking=("adaptive", "enabled", "disabled"),
    effort=(*LOW_TO_HIGH, "max"),
    sampling=True,
    strict_tools=True,
    native_format="yes",
)
CLAUDE_SONNET_4_6: Final = Capabilities(
    thinking=("adaptive", "enabled", "disabled"),
    effort=(*LOW_TO_HIGH, "max"),
    sampling=True,
    strict_tools=True,
    native_format="unreliable",
)
CLAUDE_OPUS_4_7: Final = Capabilities(thinking=("adaptive", "disabled"), effort=LOW_TO_XHIGH)
CLAUDE_OPUS_4_8: Final = Capabilities(thinking=("adaptive", "disabled"), effort=LOW_TO_XHIGH, native_format="opt_in")
CLAUDE_OPUS_5: Final = Capabilities(thinking=("adaptive", "disabled"), effort=LOW_TO_XHIGH, token_density=1.3)
CLAUDE_SONNET_5: Final = Capabilities(
    thinking=("adaptive", "disabled"), effort=LOW_TO_XHIGH, native_format="opt_in", token_density=1.3
)
CLAUDE_FABLE_5: Final = Capabilities(thinking=("adaptive",), effort=ALL_EFFORTS, token_density=1.3)
CLAUDE_OPUS_5_5: Final = Capabilities(thinking=("adaptive",), effort=ALL_EFFORTS, forced_tool=False, token_density=1.3)
CLAUDE_SONNET_5_5: Final = Capabilities(
    thinking=("adaptive", "between_tools"),
    effort=ALL_EFFORTS,
    forced_tool=False,
    native_format="opt_in",
    token_density=1.3,
)
CLAUDE_HAIKU_5_5: Final = Capabilities(
    thinking=("adaptive", "disabled"), effort=ALL_EFFORTS, native_format="opt_in", token_density=1.3
)


UNKNOWN_RELEASE: Final = "1970-01-01T00:00:00Z"
_DATE_IN_ID: Final = re.compile(r"-(20\d\d)(\d\d)(\d\d)-")


@dataclass(frozen=True, slots=True)
class Model:
    """One row: a model as Bedrock has it. `model_id` is the base id, without the prefix of an inference profile."""

    name: str
    model_id: str
    family: Family
    context_tokens: int
    max_output_tokens: int
    capabilities: Capabilities
    prices: Prices | None = None
    profiles: tuple[str, ...] = ()
    cache_minimum_tokens: int = 1024
    """A shorter prefix is silently not cached."""
    lifecycle: Lifecycle = "active"
    end_of_life: date | None = None
    successor: str | None = None
    """The row that serves this name once it is retired: the nearest one that takes the same requests."""
    limited_access: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """It still answers. A retired row is only there to name its successor."""
        return self.lifecycle != "retired"

    @property
    def released(self) -> str:
        """RFC 3339, from the date in the id; the epoch, as in Anthropic's own list, where the id has none."""
        day = _DATE_IN_ID.search(self.model_id)
        return f"{day[1]}-{day[2]}-{day[3]}T00:00:00Z" if day else UNKNOWN_RELEASE

    @property
    def display_name(self) -> str:
        """`claude-opus-5-5` is Claude Opus 5.5, `claude-3-5-haiku` Claude 3.5 Haiku."""
        spaced = self.name.replace("-", " ").title()
        return re.sub(r"(\d) (?=\d)", r"\1.", spaced)


@dataclass(frozen=True, slots=True)
class Resolution:
    model: Model
    model_id: str
    """What goes into the URL: the base id under the prefix of an inference profile."""
    name: str
    """Of the model that answers: what permissions are about and callers are told. `model` may be its nearest kin."""
    substituted: bool
    """Another model than the one asked for will answer."""


MILLION: Final = 1_000_000


def _usd(input_usd: str, output_usd: str, cache_read_usd: str) -> Prices:
    return Prices(Decimal(input_usd), Decimal(output_usd), Decimal(cache_read_usd))


# Newest first within a family: "the newest of the family" is the first row that is active and open to everyone.
# Profiles in the order in which they are tried when the Region's own geography has none.
MODELS: Final[tuple[Model, ...]] = (
    Model(
        name="claude-fable-5-1",
        model_id="anthropic.claude-fable-5-1",
        family="fable",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_5_5,
        prices=_usd("10", "50", "0.25"),
        profiles=("global", "us", "eu", "us-gov"),
        cache_minimum_tokens=512,
    ),
    Model(
        name="claude-fable-5",
        model_id="anthropic.claude-fable-5",
        family="fable",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_FABLE_5,
        prices=_usd("10", "50", "1"),
        profiles=("global", "us", "eu"),
        cache_minimum_tokens=512,
    ),
    Model(
        name="claude-mythos-5-1",
        model_id="anthropic.claude-mythos-5-1",
        family="mythos",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_FABLE_5,
        prices=_usd("10", "50", "0.25"),
        profiles=("global", "us"),
        cache_minimum_tokens=512,
        limited_access=True,
    ),
    Model(
        name="claude-mythos-5",
        model_id="anthropic.claude-mythos-5",
        family="mythos",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_FABLE_5,
        prices=_usd("10", "50", "1"),
        profiles=("us",),
        cache_minimum_tokens=512,
        limited_access=True,
    ),
    Model(
        name="claude-opus-5-5",
        model_id="anthropic.claude-opus-5-5",
        family="opus",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_5_5,
        prices=_usd("4", "20", "0.2"),
        profiles=("global", "us", "eu", "au", "jp", "us-gov"),
        cache_minimum_tokens=512,
    ),
    Model(
        name="claude-opus-5",
        model_id="anthropic.claude-opus-5",
        family="opus",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_5,
        prices=_usd("5", "25", "0.5"),
        profiles=("global", "us", "eu", "au", "jp", "us-gov"),
        cache_minimum_tokens=512,
    ),
    Model(
        name="claude-opus-4-8",
        model_id="anthropic.claude-opus-4-8",
        family="opus",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_4_8,
        prices=_usd("5", "25", "0.5"),
        profiles=("global", "us", "eu", "au", "jp", "us-gov"),
    ),
    Model(
        name="claude-opus-4-7",
        model_id="anthropic.claude-opus-4-7",
        family="opus",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_4_7,
        prices=_usd("5", "25", "0.5"),
        profiles=("global", "us", "eu", "au", "jp"),
        cache_minimum_tokens=2048,
    ),
    Model(
        name="claude-opus-4-6",
        model_id="anthropic.claude-opus-4-6-v1",
        family="opus",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_OPUS_4_6,
        prices=_usd("5", "25", "0.5"),
        profiles=("global", "us", "eu", "jp", "apac", "au"),
        cache_minimum_tokens=4096,
    ),
    Model(
        name="claude-opus-4-5",
        model_id="anthropic.claude-opus-4-5-20251101-v1:0",
        family="opus",
        context_tokens=200_000,
        max_output_tokens=64_000,
        capabilities=CLAUDE_OPUS_4_5,
        prices=_usd("5", "25", "0.5"),
        profiles=("global", "us", "eu"),
        cache_minimum_tokens=4096,
    ),
    Model(
        name="claude-opus-4-1",
        model_id="anthropic.claude-opus-4-1-20250805-v1:0",
        family="opus",
        context_tokens=200_000,
        max_output_tokens=32_000,
        capabilities=CLAUDE_4,
        prices=Prices(Decimal(15), Decimal(75), Decimal("1.5"), regional_premium=False),
        profiles=("us",),
        lifecycle="legacy",
        end_of_life=date(2027, 1, 8),
        successor="claude-opus-4-5",
    ),
    Model(
        name="claude-sonnet-5-5",
        model_id="anthropic.claude-sonnet-5-5",
        family="sonnet",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_SONNET_5_5,
        prices=_usd("2", "10", "0.1"),
        profiles=("global", "us", "eu", "au", "jp", "us-gov"),
        cache_minimum_tokens=512,
    ),
    Model(
        name="claude-sonnet-5",
        model_id="anthropic.claude-sonnet-5",
        family="sonnet",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_SONNET_5,
        prices=_usd("2", "10", "0.2"),
        profiles=("global", "us", "eu", "au", "jp", "us-gov"),
    ),
    Model(
        name="claude-sonnet-4-6",
        model_id="anthropic.claude-sonnet-4-6",
        family="sonnet",
        context_tokens=MILLION,
        max_output_tokens=64_000,
        capabilities=CLAUDE_SONNET_4_6,
        prices=_usd("3", "15", "0.3"),
        profiles=("global", "us", "eu", "jp", "au"),
    ),
    Model(
        name="claude-sonnet-4-5",
        model_id="anthropic.claude-sonnet-4-5-20250929-v1:0",
        family="sonnet",
        context_tokens=200_000,
        max_output_tokens=64_000,
        capabilities=CLAUDE_4_5,
        prices=_usd("3", "15", "0.3"),
        profiles=("global", "us", "eu", "jp", "au", "us-gov"),
        end_of_life=date(2027, 4, 8),
        successor="claude-sonnet-4-6",
    ),
    Model(
        name="claude-haiku-5-5",
        model_id="anthropic.claude-haiku-5-5",
        family="haiku",
        context_tokens=MILLION,
        max_output_tokens=128_000,
        capabilities=CLAUDE_HAIKU_5_5,
        prices=_usd("0.1", "0.5", "0.01"),
        profiles=("global", "us", "eu", "au", "jp", "us-gov"),
        cache_minimum_tokens=512,
    ),
    Model(
        name="claude-haiku-4-5",
        model_id="anthropic.claude-haiku-4-5-20251001-v1:0",
        family="haiku",
        context_tokens=200_000,
        max_output_tokens=64_000,
        capabilities=CLAUDE_4_5,
        prices=_usd("1", "5", "0.1"),
        profiles=("global", "us", "eu", "jp", "au"),
        cache_minimum_tokens=4096,
    ),
    Model(
        name="claude-opus-4",
        model_id="anthropic.claude-opus-4-20250514-v1:0",
        family="opus",
        context_tokens=200_000,
        max_output_tokens=32_000,
        capabilities=CLAUDE_4,
        profiles=("us",),
        lifecycle="retired",
        successor="claude-opus-4-5",
        aliases=("claude-opus-4-0",),
    ),
    Model(
        name="claude-sonnet-4",
        model_id="anthropic.claude-sonnet-4-20250514-v1:0",
        family="sonnet",
        context_tokens=200_000,
        max_output_tokens=64_000,
        capabilities=CLAUDE_4,
        prices=_usd("3", "15", "0.3"),
        profiles=("us",),
        lifecycle="retired",
        end_of_life=date(2026, 10, 14),
        successor="claude-sonnet-4-5",
        aliases=("claude-sonnet-4-0",),
    ),
    Model(
        name="claude-3-7-sonnet",
        model_id="anthropic.claude-3-7-sonnet-20250219-v1:0",
        family="sonnet",
        context_tokens=200_000,
        max_output_tokens=64_000,
        capabilities=CLAUDE_4,
        profiles=("us",),
        lifecycle="retired",
        end_of_life=date(2026, 4, 28),
        successor="claude-sonnet-4-5",
    ),
    Model(
        name="claude-3-5-sonnet",
        model_id="anthropic.claude-3-5-sonnet-20241022-v2:0",
        family="sonnet",
        context_tokens=200_000,
        max_output_tokens=8192,
        capabilities=CLAUDE_3,
        profiles=("us",),
        lifecycle="retired",
        successor="claude-sonnet-4-5",
    ),
    Model(
        name="claude-3-5-haiku",
        model_id="anthropic.claude-3-5-haiku-20241022-v1:0",
        family="haiku",
        context_tokens=200_000,
        max_output_tokens=8192,
        capabilities=CLAUDE_3,
        profiles=("us",),
        lifecycle="retired",
        end_of_life=date(2026, 6, 19),
        successor="claude-haiku-4-5",
    ),
    Model(
        name="claude-3-opus",
        model_id="anthropic.claude-3-opus-20240229-v1:0",
        family="opus",
        context_tokens=200_000,
        max_output_tokens=4096,
        capabilities=CLAUDE_3,
        profiles=("us",),
        lifecycle="retired",
        successor="claude-opus-4-5",
    ),
    Model(
        name="claude-3-sonnet",
        model_id="anthropic.claude-3-sonnet-20240229-v1:0",
        family="sonnet",
        context_tokens=200_000,
        max_output_tokens=4096,
        capabilities=CLAUDE_3,
        profiles=("us",),
        lifecycle="retired",
        successor="claude-sonnet-4-5",
    ),
    Model(
        name="claude-3-haiku",
        model_id="anthropic.claude-3-haiku-20240307-v1:0",
        family="haiku",
        context_tokens=200_000,
        max_output_tokens=4096,
        capabilities=CLAUDE_3,
        profiles=("us",),
        lifecycle="retired",
        successor="claude-haiku-4-5",
    ),
)

# The geography whose profile serves a Region; the first prefix that fits wins.
_GEOGRAPHIES: Final = (
    ("us-gov-", "us-gov"),
    ("us-", "us"),
    ("ca-", "us"),
    ("eu-", "eu"),
    ("ap-northeast-1", "jp"),
    ("ap-northeast-3", "jp"),
    ("ap-southeast-2", "au"),
    ("ap-southeast-4", "au"),
    ("ap-", "apac"),
)
SHORT_NAMES: Final[tuple[Family, ...]] = ("opus", "sonnet", "haiku", "fable")
# A name of Claude that we cannot place at all gets the capabilities of this family's newest model.
DEFAULT_FAMILY: Final[Family] = "sonnet"

MAX_NAME_CHARACTERS: Final = 256
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@\[\]-]*")
_PROVIDER_ID: Final = re.compile(
    r"(?:(?:global|us-gov|us|eu|jp|au|apac)\.)?anthropic\.(?P<name>claude(?:[.:-][a-z0-9]+)+)"
)
# What clients and other platforms hang on a name: Claude Code's window, Vertex's date, moving tags.
_DECORATION: Final = re.compile(r"(?:\[(?:1m|200k)\]|@[a-z0-9-]*|-latest|-thinking)+$")
_VERSION_DOT: Final = re.compile(r"(?<=\d)\.(?=\d)")
_BEDROCK_VERSION: Final = re.compile(r"-v\d+(?::[a-z0-9]+)*$")
_DATE: Final = re.compile(r"-20\d{6}$")


def resolve(name: str, region: str) -> Resolution | None:
    """The model a client's name means, and its id for this Region. None: there is no such model (a 404).

    Provider-style ids (`us.anthropic.claude-...`) go upstream as they are, whatever we know about them.
    """
    if len(name) > MAX_NAME_CHARACTERS or _NAME.fullmatch(name) is None:
        return None
    bare = _DECORATION.sub("", name.lower())
    provider_id = _PROVIDER_ID.fullmatch(bare)
    if provider_id is not None:
        return _as_provided(bare, provider_id["name"])
    named = _named(_VERSION_DOT.sub("-", bare))
    row = named or (_of_family(bare) if bare.startswith("claude") else None)
    if row is None:
        return None
    serving = _in_service(row)
    return Resolution(serving, _profile_id(serving, region), serving.name, substituted=serving is not named)


def _named(name: str) -> Model | None:
    """The row with this name, whatever date or Bedrock version it carries."""
    undated = _DATE.sub("", _BEDROCK_VERSION.sub("", name))
    return _ROWS.get(name) or _ROWS.get(undated)


def _of_family(name: str) -> Model | None:
    """The newest row of the family whose word the name contains."""
    return next((row for family, row in _NEWEST.items() if family in name), None)


def _as_provided(model_id: str, name: str) -> Resolution:
    """A provider's id is called as it is. If no row is that model, the nearest lends its capabilities, not its name."""
    named = _named(name)
    kin = named or _of_family(name) or _NEWEST[DEFAULT_FAMILY]
    return Resolution(kin, model_id, named.name if named else _BEDROCK_VERSION.sub("", name), substituted=False)


def _in_service(row: Model) -> Model:
    while row.lifecycle == "retired" and row.successor is not None:
        row = _ROWS[row.successor]
    return row


def _profile_id(row: Model, region: str) -> str:
    geography = next((geography for prefix, geography in _GEOGRAPHIES if region.startswith(prefix)), None)
    if geography in row.profiles:
        return f"{geography}.{row.model_id}"
    if "global" in row.profiles or not row.profiles:
        return f"global.{row.model_id}"
    return f"{row.profiles[0]}.{row.model_id}"


def _newest_by_family() -> dict[Family, Model]:
    newest: dict[Family, Model] = {}
    for row in MODELS:
        if row.lifecycle == "active" and not row.limited_access:
            newest.setdefault(row.family, row)
    return newest


def _rows_by_name() -> dict[str, Model]:
    rows: dict[str, Model] = {family: _NEWEST[family] for family in SHORT_NAMES}
    for row in MODELS:
        rows.update(dict.fromkeys((row.name, *row.aliases), row))
    return rows


_NEWEST: Final = _newest_by_family()
_ROWS: Final = _rows_by_name()
