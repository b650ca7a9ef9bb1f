"""What became of a request's features: the short names that the reply's headers and the log line disclose.

The feature table decides; this applies its rows. Names come partly from the caller (unknown fields, betas), so they are
cut to a harmless alphabet, length and count before they can reach a header.
"""

import re
from typing import Final

from gateway.protocol.errors import InvalidRequest
from gateway.protocol.features import FEATURES, Feature

MAX_NAMES: Final = 40
MAX_NAME_CHARACTERS: Final = 64
# Of the place that a refusal begins with: the caller's own field names can be of any length.
MAX_PLACE_CHARACTERS: Final = 200
# Stands last when there were more names than a header should hold.
MORE: Final = "and_more"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.:-]")
# Of things that only the caller knows, one row for each sort.
UNKNOWN_FIELD: Final = "*"
UNKNOWN_BETA: Final = "beta:*"


class Disposition:
    """Names in the order in which they came up, each one once."""

    def __init__(self, *, strict: bool = False) -> None:
        """`strict` refuses what would be approximated or dropped."""
        self.strict = strict
        self._dropped: dict[str, None] = {}
        self._approximated: dict[str, None] = {}

    def note(self, row: str, path: str | None = None) -> None:
        """The row of this name applies to the request, at `path` in it. Raises `InvalidRequest` if it is refused."""
        feature = FEATURES[row]
        self._apply(feature, feature.disclosed, path)

    def note_unknown(self, row: str, name: str, path: str | None = None) -> None:
        """The same for a thing that only the caller has a name for; `row` is that of its sort."""
        self._apply(FEATURES[row], name, path)

    def _apply(self, feature: Feature, name: str, path: str | None) -> None:
        # A field whose name is empty is nameless in its path, too.
        place = (path or name or '""')[:MAX_PLACE_CHARACTERS]
        match feature.fate:
            case "kept":
                return
            case "refused":
                raise InvalidRequest(f"{place}: {feature.reason}")
            case "approximated" | "dropped" as fate:
                if self.strict and not (feature.harmless or feature.silent):
                    raise InvalidRequest(f"{place}: strict mode is on, and this would be {fate}. {feature.reason}")
                if not feature.silent:
                    _add(self._dropped if fate == "dropped" else self._approximated, name)

    @property
    def dropped(self) -> tuple[str, ...]:
        return tuple(self._dropped)

    @property
    def approximated(self) -> tuple[str, ...]:
        return tuple(self._approximated)


def _add(names: dict[str, None], name: str) -> None:
    name = harmless(name)
    if name not in names and len(names) < MAX_NAMES:
        names[name if len(names) < MAX_NAMES - 1 else MORE] = None


def harmless(name: str) -> str:
    """A name that can stand in a header: no spaces, commas or control characters, and short."""
    return _UNSAFE.sub("_", name[:MAX_NAME_CHARACTERS])


def disclosure(dropped: tuple[str, ...], approximated: tuple[str, ...]) -> dict[str, str]:
    """The headers of a reply that tell what became of the request's features."""
    headers = {"x-chatrix-dropped": dropped, "x-chatrix-approximated": approximated}
    return {header: ", ".join(names) for header, names in headers.items() if names}
