"""What a client's name says: which row, which id, which ARN. Nothing here knows where the gateway runs.

Only what matches one of these patterns in full can become part of a URL. All of them are linear to match.
The kinds of names are tuples, since a dataclass costs most of a millisecond of a cold start.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Final, NamedTuple

from msgspec.structs import replace

from gateway.catalog.entry import ClaudeFamily, Family, Model
from gateway.catalog.geography import PROFILE_GEOGRAPHIES, REGION
from gateway.catalog.models import MODELS

MAX_NAME_CHARACTERS: Final = 256
SHORT_NAMES: Final[tuple[ClaudeFamily, ...]] = ("opus", "sonnet", "haiku", "fable")
# A name of Claude that we cannot place at all gets the capabilities of this family's newest model.
DEFAULT_FAMILY: Final[ClaudeFamily] = "sonnet"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@\[\]-]*")
_VENDORS: Final = "|".join(sorted({row.vendor for row in MODELS}))
PROVIDER_ID: Final = re.compile(
    rf"(?:(?P<geography>{'|'.join(PROFILE_GEOGRAPHIES)})\.)?"
    rf"(?P<vendor>{_VENDORS})\.(?P<name>[a-z][a-z0-9]*(?:[.:-][a-z0-9]+)+)"
)
# Not compiled here: most processes see no ARN, and a pattern costs half a millisecond of a cold start.
ARN: Final = (
    r"arn:aws(?:-us-gov|-cn|-iso|-iso-b)?:bedrock:(?P<region>[a-z0-9-]{1,20}):"
    r"(?:[0-9]{12}:(?P<kind>inference-profile|application-inference-profile)|:(?P<base>foundation-model))"
    r"/(?P<resource>[A-Za-z0-9][A-Za-z0-9.:-]{0,127})"
)
# As the control plane names the models of a profile; a `global` one has no Region.
BASE_MODEL_ARN: Final = (
    r"arn:aws(?:-us-gov|-cn|-iso|-iso-b)?:bedrock:(?P<region>[a-z0-9-]{0,20})::foundation-model/"
    r"(?P<base>[A-Za-z0-9][A-Za-z0-9.:-]{0,127})"
)
_APPLICATION_ID: Final = r"[A-Za-z0-9-]{1,64}"
# What clients and other platforms hang on a name: Claude Code's window, Vertex's date, moving tags. Possessive, because
# a tag behind an @ could be read in two ways: as many of them as fit into a name would take days to refuse.
_DECORATION: Final = re.compile(r"(?:\[(?:1m|200k)\]|@[a-z0-9-]*+|-latest|-thinking)++$")
_WINDOW: Final = re.compile(r"\[(?:1m|200k)\]$")
_VERSION_DOT: Final = re.compile(r"(?<=\d)\.(?=\d)")
_BEDROCK_VERSION: Final = re.compile(r"-v\d+(?::[a-z0-9]+)*$")
_DATE: Final = re.compile(r"-20\d{6}$")
_FIRST_WORD: Final = r"[a-z]+"


class Alias(NamedTuple):
    """An operator's own name. `base` is the model behind `target` where that is an ARN that does not say so."""

    name: str
    target: str
    base: str | None = None


class Known(NamedTuple):
    """The name of a row."""

    row: Model


class Newest(NamedTuple):
    """A short name: `opus` is the newest of its family."""

    family: Family


class Unknown(NamedTuple):
    """A `claude-*` that no row has. `name` without date and version."""

    name: str


class Provided(NamedTuple):
    """An id, or the ARN around it, that goes upstream as it is. `kin` is its row, or lends its capabilities."""

    model_id: str
    geography: str
    name: str
    kin: Model
    region: str | None = None
    """Of the ARN of a base model."""


class Application(NamedTuple):
    """The ARN of an application inference profile; what is behind it does not stand in it."""

    arn: str
    configured: Alias | None = None


Wanted = Known | Newest | Unknown | Provided | Application


def read_name(name: str, aliases: Sequence[Alias] = ()) -> Wanted | None:
    """None: this cannot be a model. An alias wins over the catalog; its target is not an alias again."""
    return _remembered(name, tuple(aliases)) if len(name) <= MAX_NAME_CHARACTERS else _read_name(name, aliases)


def _read_name(name: str, aliases: Sequence[Alias]) -> Wanted | None:
    if name.startswith("arn:"):
        return _read_arn(name, next((alias for alias in aliases if alias.target == name), None))
    if len(name) > MAX_NAME_CHARACTERS or _NAME.fullmatch(name) is None:
        return None
    lower = name.lower()
    # A model may be called so itself: `kimi-k2-thinking`.
    forms = (_WINDOW.sub("", lower), _DECORATION.sub("", lower))
    alias = next((alias for alias in aliases if alias.name in (lower, *forms)), None)
    if alias is None:
        return _read_provider_id(forms[0]) or _read_plain([_VERSION_DOT.sub("-", form) for form in forms])
    return _read_arn(alias.target, alias) if alias.target.startswith("arn:") else read_name(alias.target)


# The same few names in every request.
_remembered: Final = lru_cache(maxsize=256)(_read_name)


def kin_of_base(base: str) -> tuple[Model, str] | None:
    """The row of a base id (or name), or its nearest kin, and its own name. For what stands behind an ARN."""
    match read_name(base):
        case Known(row):
            return row, row.name
        case Newest(family):
            row = NEWEST[family][0]
            return row, row.name
        case Unknown(name):
            return kin_of_claude(name), name
        case Provided(kin=kin, name=name):
            return kin, name
        case _:
            return None


def kin_of_claude(name: str) -> Model:
    """The newest row of the family whose word the name contains; of the default family, when it has none.

    It lends its capabilities, but no betas: one that the other model does not know would fail the request.
    """
    family = family_in(name) or DEFAULT_FAMILY
    kin = next(row for row in MODELS if row.family == family and row.is_active)
    return replace(kin, capabilities=replace(kin.capabilities, betas=()))


def family_in(name: str) -> Family | None:
    """The family of Claude whose word the name contains."""
    return next((row.family for row in MODELS if row.is_claude and row.family in name), None)


def claude_name(profile_id: str) -> str | None:
    """The name, without date and version, of a Claude's profile; None for another vendor's."""
    found = PROVIDER_ID.fullmatch(profile_id)
    return _undated(found["name"]) if found and found["name"].startswith("claude-") else None


def _read_plain(forms: Sequence[str]) -> Wanted | None:
    """`forms`: one name, with less and less of what hangs on it."""
    row = next((row for form in forms if (row := _ROWS.get(form) or _ROWS.get(_undated(form)))), None)
    if row is not None:
        return Known(row)
    name = forms[-1]
    # `claude-sonnet-latest` has lost its end by now.
    family = name.removeprefix("claude-")
    if family in SHORT_NAMES:
        return Newest(family)
    return Unknown(_undated(name)) if name.startswith("claude-") else None


def _read_provider_id(model_id: str, around: str | None = None) -> Provided | None:
    """`around` is the ARN that holds the id."""
    found = PROVIDER_ID.fullmatch(model_id)
    kin = found and _kin(found["vendor"], found["name"])
    if not found or not kin:
        return None
    row = _row_of(found["vendor"], found["name"])
    name = row.name if row else _BEDROCK_VERSION.sub("", found["name"])
    return Provided(around or model_id, found["geography"] or REGION, name, kin)


def _read_arn(arn: str, configured: Alias | None) -> Wanted | None:
    found = re.fullmatch(ARN, arn)
    if found is None:
        return None
    if found["kind"] == "application-inference-profile":
        return Application(arn, configured) if re.fullmatch(_APPLICATION_ID, found["resource"]) else None
    provided = _read_provider_id(found["resource"], arn)
    if provided is None or (provided.geography == REGION) != (found["base"] is not None):
        return None
    return provided._replace(region=found["region"]) if found["base"] else provided


def _row_of(vendor: str, name: str) -> Model | None:
    """The row with this id, whatever date or Bedrock version it carries."""
    row = _ROWS_BY_ID.get(f"{vendor}.{name}") or _ROWS_BY_ID.get(f"{vendor}.{_undated(name)}")
    return row or (_ROWS.get(_undated(_VERSION_DOT.sub("-", name))) if vendor == "anthropic" else None)


def _kin(vendor: str, name: str) -> Model | None:
    """The row itself, or one of the vendor's whose name begins alike: it lends its capabilities."""
    row = _row_of(vendor, name)
    if row is not None:
        return row
    word = re.match(_FIRST_WORD, name)
    begun = [row for row in MODELS if row.is_active and row.model_id.startswith(f"{vendor}.{word and word[0]}")]
    if not begun:
        return None
    if begun[0].is_claude:
        return kin_of_claude(name)
    return max(begun, key=lambda row: _alike(row.model_id, f"{vendor}.{name}"))


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _undated(name: str) -> str:
    return _DATE.sub("", _BEDROCK_VERSION.sub("", name))


def _newest_by_family() -> dict[Family, list[Model]]:
    newest: dict[Family, list[Model]] = {}
    for row in MODELS:
        if row.lifecycle == "active" and not row.limited_access:
            newest.setdefault(row.family, []).append(row)
    return newest


def _rows_by_name() -> dict[str, Model]:
    return {_VERSION_DOT.sub("-", name): row for row in MODELS for name in (row.name, *row.aliases)}


def _rows_by_id() -> dict[str, Model]:
    rows = {f"{row.vendor}.{_undated(row.model_id.partition('.')[2])}": row for row in MODELS}
    return rows | {row.model_id: row for row in MODELS}


# Those that a family's word may mean, newest first.
NEWEST: Final = _newest_by_family()
_ROWS: Final = _rows_by_name()
_ROWS_BY_ID: Final = _rows_by_id()
