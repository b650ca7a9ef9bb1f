"""One row of the feature table."""

from typing import Final, Literal

import msgspec

Fate = Literal["kept", "approximated", "dropped", "refused"]
FATES: Final[tuple[Fate, ...]] = ("kept", "approximated", "dropped", "refused")
Kind = Literal[
    "request field",
    "content block",
    "tool",
    "tool choice",
    "thinking",
    "beta",
    "header",
    "response field",
    "stop reason",
    "stream event",
]
# Between what is disclosed and the case in which the row applies.
CONDITION: Final = "/"


class Feature(msgspec.Struct, frozen=True):
    """What becomes of one thing of the Messages API, and why."""

    name: str
    """Unique. What a caller is told; behind a `/` the case in which the row applies: `thinking.display/unknown`."""
    kind: Kind
    fate: Fate
    reason: str
    """Whole sentences for the docs. Of a refused row it is also what the caller reads: what to do instead."""
    members: tuple[str, ...] = ()
    """Fields below this one that share its fate. A field of the SDK's types that is in no row fails a test."""
    harmless: bool = False
    """Nothing of the conversation is lost or changed: it is disclosed, and even strict mode lets it pass."""
    silent: bool = False
    """Not disclosed: the thing says nothing that a model or a caller could miss."""

    @property
    def disclosed(self) -> str:
        """The short name in headers and in the log."""
        return self.name.partition(CONDITION)[0]


def kept(name: str, kind: Kind, reason: str, *members: str) -> Feature:
    return Feature(name, kind, "kept", reason, members)


def approximated(name: str, kind: Kind, reason: str, *members: str, harmless: bool = False) -> Feature:
    return Feature(name, kind, "approximated", reason, members, harmless)


def dropped(name: str, kind: Kind, reason: str, *members: str, harmless: bool = False, silent: bool = False) -> Feature:
    return Feature(name, kind, "dropped", reason, members, harmless, silent)


def refused(name: str, kind: Kind, reason: str, *members: str) -> Feature:
    return Feature(name, kind, "refused", reason, members)
