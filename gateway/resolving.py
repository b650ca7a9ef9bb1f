"""A name of a model becomes a resolution: the catalog first, and Bedrock's control plane for what it does not know."""

from functools import lru_cache
from typing import Final

import msgspec
from aiohttp import web

from gateway.catalog import (
    GEOGRAPHIES,
    NOTHING,
    Discovered,
    NotInGeography,
    Preferences,
    Resolution,
    Wanted,
    choose,
    read_name,
    wanted_application,
    wants_profiles,
)
from gateway.protocol.errors import InvalidRequest, NotFound
from gateway.protocol.redaction import redact
from gateway.settings import Settings
from gateway.upstreams.inference_profiles import InferenceProfiles

# Of the caller's own words that are logged or given back.
MAX_SHOWN_CHARACTERS: Final = 64
MAX_REMEMBERED_CHARACTERS: Final = 300


def shown(name: str) -> str:
    """A name or id of a model, fit to be repeated and logged: short, and of an ARN only what names no account."""
    return _remembered(name) if len(name) <= MAX_REMEMBERED_CHARACTERS else _shown(name)


def _shown(name: str) -> str:
    if name[:4].lower() == "arn:":
        name = name.rpartition("/" if "/" in name else ":")[2]
    # An ARN behind a space is none, and names an account all the same.
    return redact(name)[:MAX_SHOWN_CHARACTERS]


# A dozen patterns are tried on it, and they are the same few names in every request.
_remembered: Final = lru_cache(maxsize=256)(_shown)


class ModelResolver(msgspec.Struct, frozen=True):
    region: str
    preferences: Preferences
    profiles: InferenceProfiles

    async def resolve(self, name: str, inference_geo: str | None = None) -> Resolution:
        """`inference_geo`: the geography one request asks for. Raises NotFound, in Anthropic's words.

        Known names cost no call, and no failed call fails a request: it only leaves the name unknown.
        """
        if inference_geo is not None and inference_geo not in GEOGRAPHIES:
            raise InvalidRequest(f"inference_geo: must be one of {', '.join(GEOGRAPHIES)}")
        try:
            preferences = self.preferences.narrowed(inference_geo) if inference_geo else self.preferences
            wanted = read_name(name, preferences.aliases)
            discovered = await self._discover(wanted, preferences)
            if discovered is NOTHING:
                resolution = _from_catalog(wanted, self.region, preferences)
            else:
                resolution = choose(wanted, self.region, preferences, discovered)
        except NotInGeography as refusal:
            raise NotFound(f"model: {shown(name)}. {refusal}") from refusal
        if resolution is None:
            raise NotFound(f"model: {shown(name)}. GET /v1/models lists what there is.")
        return resolution

    async def _discover(self, wanted: Wanted | None, preferences: Preferences) -> Discovered:
        if wants_profiles(wanted):
            return Discovered(profiles=await self.profiles.system())
        arn = wanted_application(wanted, preferences)
        application = await self.profiles.application(arn) if arn else None
        return Discovered(applications={arn: application}) if arn and application else NOTHING


# The same few names in every request.
_from_catalog: Final = lru_cache(maxsize=256)(choose)

RESOLVER: Final = web.AppKey("model_resolver", ModelResolver)


def model_resolver(settings: Settings, profiles: InferenceProfiles) -> ModelResolver:
    return ModelResolver(settings.region, Preferences(settings.inference_geos, settings.model_aliases), profiles)


async def resolve_model(app: web.Application, name: str, inference_geo: str | None = None) -> Resolution:
    """The model that answers to a client's name, and its id upstream. Raises NotFound."""
    return await app[RESOLVER].resolve(name, inference_geo)
