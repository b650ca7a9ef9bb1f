"""Which model answers to a name, and under which id it goes upstream. Pure: what Bedrock has told is handed in.

A name that is in no row still works: an unknown `claude-*` is called by the profile that Bedrock has for it, or served
by the newest row of its family; a retired name by its successor. The last two are `substituted`: callers are told.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.catalog.entry import Family, Model
from gateway.catalog.geography import GEOGRAPHIES, REGION, NotInGeography, Place
from gateway.catalog.models import MODELS
from gateway.catalog.names import (
    NEWEST,
    PROVIDER_ID,
    Alias,
    Application,
    Known,
    Newest,
    Provided,
    Unknown,
    Wanted,
    family_in,
    kin_of_base,
    kin_of_claude,
    read_name,
)

APPLICATION: Final = "application"


class Preferences(msgspec.Struct, frozen=True):
    """What the operator has set. `geographies`: most wanted first; when there are any, no other one is used."""

    geographies: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    of_one_request: bool = False
    """A caller has asked for the geography: an alias opens the operator's rule, and is no proof that theirs is kept."""

    def narrowed(self, geography: str) -> "Preferences":
        """For one request that asks for a geography (`inference_geo`). Raises NotInGeography when it is not allowed."""
        allowed = self.geographies or GEOGRAPHIES
        if geography not in allowed:
            raise NotInGeography("inference_geo", allowed)
        return replace(self, geographies=(geography,), of_one_request=True)


class ApplicationProfile(NamedTuple):
    """What GetInferenceProfile tells: the base model, and the Regions that may answer ("" for all of them)."""

    base_id: str
    regions: tuple[str, ...]


class Discovered(NamedTuple):
    """What Bedrock's control plane has told so far."""

    profiles: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Profile ids by the name of the Claude behind them, without date and version."""
    applications: Mapping[str, ApplicationProfile] = MappingProxyType({})
    """By ARN."""


class Resolution(msgspec.Struct, frozen=True):
    model: Model
    model_id: str
    """What goes into the URL: the base id under the prefix of an inference profile, or an ARN."""
    name: str
    """Of the model that answers: what permissions are about and callers are told. `model` may be its nearest kin."""
    substituted: bool
    """Another model than the one asked for will answer."""
    geography: str = REGION
    """Of the profile, which decides the price; `application` when it is hidden behind an ARN."""
    region_permitted: bool = False
    """The conversation may be sent to the Region that is called, too: tokens are counted there, by the base id."""


EVERYWHERE: Final = Preferences()
NOTHING: Final = Discovered()


def resolve(
    name: str, region: str, preferences: Preferences = EVERYWHERE, discovered: Discovered = NOTHING
) -> Resolution | None:
    """The model a client's name means, and its id. None: there is no such model (a 404).

    Provider-style ids and ARNs go upstream as they are, whatever we know about them. Raises NotInGeography for a model
    that is not to be had where requests may go.
    """
    return choose(read_name(name, preferences.aliases), region, preferences, discovered)


def choose(
    wanted: Wanted | None, region: str, preferences: Preferences = EVERYWHERE, discovered: Discovered = NOTHING
) -> Resolution | None:
    """`resolve`, for a name that has been read."""
    place = Place(region, preferences.geographies)
    resolution = _choose(wanted, place, preferences, discovered)
    if resolution is None or not place.permits(REGION):
        return resolution
    return replace(resolution, region_permitted=_may_stay(wanted, resolution.model_id, region, discovered))


def _may_stay(wanted: Wanted | None, model_id: str, region: str, discovered: Discovered) -> bool:
    """Who names a profile's geography, or an ARN, has chosen where to be answered. In doubt it is not the Region."""
    if model_id.startswith("arn:") and model_id.split(":")[3] != region:
        return False
    match wanted:
        case Provided(geography=geography):
            return geography == REGION or Place(region, (geography,)).permits(REGION)
        case Application(arn):
            told = discovered.applications.get(arn)
            return told is not None and not {"", region}.isdisjoint(told.regions)
        case _:
            return True


def _choose(wanted: Wanted | None, place: Place, preferences: Preferences, discovered: Discovered) -> Resolution | None:
    match wanted:
        case Known(row):
            serving = _in_service(row)
            return _at(serving, place, substituted=serving is not row)
        case Newest(family):
            return _newest(family, place, substituted=False)
        case Unknown(unknown):
            return _unknown(unknown, place, discovered)
        case Provided() as provided:
            return _provided(provided, place)
        case Application() as application:
            return _application(application, place, preferences, discovered)
        case None:
            return None


def wants_profiles(wanted: Wanted | None) -> bool:
    """The list of profiles may know more about this name than the catalog."""
    return isinstance(wanted, Unknown)


def wanted_application(wanted: Wanted | None, preferences: Preferences = EVERYWHERE) -> str | None:
    """The ARN of the application profile that has to be asked about before `choose` can tell what, and where, it is."""
    if not isinstance(wanted, Application):
        return None
    is_told = wanted.configured and wanted.configured.base and not preferences.of_one_request
    return None if is_told else wanted.arn


def served_models(region: str, preferences: Preferences = EVERYWHERE) -> list[Model]:
    """The rows that answer by their name here: neither retired nor outside the allowed geographies."""
    place = Place(region, preferences.geographies)
    return [row for row in MODELS if row.is_active and place.choose(row.geographies(place.region)) is not None]


def _at(row: Model, place: Place, *, substituted: bool) -> Resolution:
    geography = place.choose(row.geographies(place.region))
    if geography is None:
        raise NotInGeography(row.name, place.allowed or place.reachable)
    return Resolution(row, row.id_in(geography), row.name, substituted, geography)


def _newest(family: Family, place: Place, *, substituted: bool) -> Resolution:
    """The newest of the family that is to be had here."""
    rows = NEWEST[family]
    row = next((row for row in rows if place.choose(row.geographies(place.region)) is not None), rows[0])
    return _at(row, place, substituted=substituted)


def _unknown(name: str, place: Place, discovered: Discovered) -> Resolution | None:
    found = _by_geography(discovered.profiles.get(name, ()))
    if found:
        geography = place.choose(tuple(found))
        if geography is None:
            raise NotInGeography(name, place.allowed or place.reachable)
        return Resolution(kin_of_claude(name), found[geography], name, substituted=False, geography=geography)
    family = family_in(name)
    return _newest(family, place, substituted=True) if family in NEWEST else None


def _by_geography(profile_ids: Sequence[str]) -> dict[str, str]:
    """Only ids of our own pattern are ever called, whoever names them."""
    found = {profile_id: PROVIDER_ID.fullmatch(profile_id) for profile_id in profile_ids}
    return {match["geography"]: profile_id for profile_id, match in found.items() if match and match["geography"]}


def _provided(provided: Provided, place: Place) -> Resolution:
    """Of the ARN of a base model its own Region counts, which need not be the one that is called."""
    is_inside = place.permits_regions((provided.region,)) if provided.region else place.permits(provided.geography)
    if not is_inside:
        raise NotInGeography(provided.name, place.allowed or place.reachable)
    return Resolution(provided.kin, provided.model_id, provided.name, substituted=False, geography=provided.geography)


def _application(
    application: Application, place: Place, preferences: Preferences, discovered: Discovered
) -> Resolution | None:
    """An alias is the operator's word that requests may go there; otherwise its Regions must prove it."""
    told = discovered.applications.get(application.arn)
    configured = application.configured
    base = (configured.base if configured else None) or (told.base_id if told else None)
    found = kin_of_base(base) if base else None
    if found is None:
        return None
    row, name = found
    is_vouched_for = configured is not None and not preferences.of_one_request
    if not is_vouched_for and not place.permits_regions(told.regions if told else ()):
        raise NotInGeography(f"{name} by this profile", place.allowed or place.reachable)
    return Resolution(row, application.arn, name, substituted=False, geography=APPLICATION)


def _in_service(row: Model) -> Model:
    while row.lifecycle == "retired" and row.successor is not None:
        row = _ROWS[row.successor]
    return row


_ROWS: Final = {row.name: row for row in MODELS}
