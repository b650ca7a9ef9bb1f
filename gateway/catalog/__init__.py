"""Which models there are, what they can do, and which one a name means.

Everything is data (`models.py`, the only file that names a model); `resolve` is the one rule.
"""

from gateway.catalog.aliases import parse_aliases
from gateway.catalog.capabilities import ALL_EFFORTS, Capabilities
from gateway.catalog.entry import (
    CACHE_WRITE_1H_FACTOR,
    CACHE_WRITE_5M_FACTOR,
    CLAUDE_FAMILIES,
    PRICES_DATE,
    PRICES_SOURCE,
    PROFILE_PREMIUMS,
    UNKNOWN_RELEASE,
    Family,
    Lifecycle,
    LongContext,
    Model,
    Prices,
)
from gateway.catalog.geography import GEOGRAPHIES, REGION, NotInGeography, parse_geographies
from gateway.catalog.models import MODELS
from gateway.catalog.names import ARN, BASE_MODEL_ARN, PROVIDER_ID, SHORT_NAMES, Alias, Wanted, claude_name, read_name
from gateway.catalog.resolver import (
    APPLICATION,
    NOTHING,
    ApplicationProfile,
    Discovered,
    Preferences,
    Resolution,
    choose,
    resolve,
    served_models,
    wanted_application,
    wants_profiles,
)

__all__ = [
    "ALL_EFFORTS",
    "APPLICATION",
    "ARN",
    "BASE_MODEL_ARN",
    "CACHE_WRITE_1H_FACTOR",
    "CACHE_WRITE_5M_FACTOR",
    "CLAUDE_FAMILIES",
    "GEOGRAPHIES",
    "MODELS",
    "NOTHING",
    "PRICES_DATE",
    "PRICES_SOURCE",
    "PROFILE_PREMIUMS",
    "PROVIDER_ID",
    "REGION",
    "SHORT_NAMES",
    "UNKNOWN_RELEASE",
    "Alias",
    "ApplicationProfile",
    "Capabilities",
    "Discovered",
    "Family",
    "Lifecycle",
    "LongContext",
    "Model",
    "NotInGeography",
    "Preferences",
    "Prices",
    "Resolution",
    "Wanted",
    "choose",
    "claude_name",
    "parse_aliases",
    "parse_geographies",
    "read_name",
    "resolve",
    "served_models",
    "wanted_application",
    "wants_profiles",
]
