"""The text of the key secret to the keys it allows. Pure; docs/keys.md describes the forms for users.

An entry that cannot be right is left out and named in `problems`: one caller's mistyped expiry must not lock out the
others, and must not let that caller in for ever. A secret without a single good entry is refused whole. Nothing that
this module says about a secret quotes it, because a key may stand in the wrong place.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from hashlib import sha256
from typing import Any, Final

import msgspec
import orjson

# Guessing 16 characters takes longer than the universe has; an empty or a placeholder key does not get in.
MIN_KEY_CHARACTERS: Final = 16
# aiohttp reads header lines of up to 8 KiB; no scheme makes keys half as long.
MAX_KEY_CHARACTERS: Final = 4096
MAX_NAME_CHARACTERS: Final = 64
SINGLE_KEY_NAME: Final = "default"
ENTRY_FIELDS: Final = frozenset({"name", "key", "key_sha256", "expires", "models"})
# Only these may be written to a log: anything else in the place of a field's name could be a key.
FIELD_NAME: Final = re.compile(r"[a-z]+(_[a-z]+){0,4}")
MAX_FIELD_NAME_CHARACTERS: Final = 32


class MalformedSecretError(ValueError):
    """No key can be taken from it. The message holds nothing of the secret."""


class KeyEntry(msgspec.Struct, frozen=True):
    name: str
    key_hash: bytes  # SHA-256 of the key
    expires: float | None = None  # seconds since the epoch; the key is dead from then on
    models: tuple[str, ...] = ()  # globs; empty allows every model


class KeyRing(msgspec.Struct, frozen=True):
    """`is_single`: the `api_key` form, where the previous version of the secret counts too, for a time."""

    entries: tuple[KeyEntry, ...]
    is_single: bool
    problems: tuple[str, ...] = ()
    ignored_fields: tuple[str, ...] = ()


def could_be_key(text: str) -> bool:
    """Keys travel in a header: visible ASCII, nothing else arrives as it was sent."""
    return re.fullmatch(rf"[!-~]{{{MIN_KEY_CHARACTERS},{MAX_KEY_CHARACTERS}}}", text) is not None


def hash_key(key: str) -> bytes:
    return sha256(key.encode()).digest()


def parse_secret(text: str) -> KeyRing:
    """Raises MalformedSecretError when not one key can be taken from it."""
    try:
        secret = orjson.loads(text)
    except ValueError:
        raise MalformedSecretError("it is not JSON") from None
    match secret:
        case {"api_key": _, "api_keys": _}:
            raise MalformedSecretError("it has both api_key and api_keys, and must have one of them")
        case {"api_key": key}:
            return _parse_single(key, secret)
        case {"api_keys": [*entries]}:
            return _parse_list(entries, secret)
        case _:
            raise MalformedSecretError('it is neither {"api_key": "..."} nor {"api_keys": [...]}')


def _parse_single(key: object, secret: dict[str, Any]) -> KeyRing:
    try:
        entry = KeyEntry(SINGLE_KEY_NAME, _hash_of(key))
    except ValueError as error:
        raise MalformedSecretError(f"api_key {error}") from None
    return KeyRing((entry,), is_single=True, ignored_fields=tuple(_unknown_fields(secret, {"api_key"})))


def _parse_list(raw_entries: list[Any], secret: dict[str, Any]) -> KeyRing:
    entries: list[KeyEntry] = []
    taken: set[str | bytes] = set()
    problems: list[str] = []
    ignored = list(_unknown_fields(secret, {"api_keys"}))
    for position, raw in enumerate(raw_entries):
        path = f"api_keys[{position}]"
        try:
            entry = _parse_entry(raw, position)
            _take_uniquely(entry, taken)
        except ValueError as error:
            problems.append(f"{path} {error}")
            continue
        entries.append(entry)
        ignored += [f"{path}.{name}" for name in _unknown_fields(raw, ENTRY_FIELDS)]
    if not entries:
        raise MalformedSecretError("; ".join(["it has no usable key", *problems[:3]]))
    return KeyRing(tuple(entries), is_single=False, problems=tuple(problems), ignored_fields=tuple(ignored))


def _parse_entry(raw: Any, position: int) -> KeyEntry:
    if not isinstance(raw, dict):
        raise ValueError("is not an object")  # noqa: TRY004 - every problem of an entry is one ValueError
    return KeyEntry(
        name=_parse_name(raw.get("name"), position),
        key_hash=_parse_key(raw),
        expires=_parse_expires(raw.get("expires")),
        models=_parse_models(raw.get("models")),
    )


def _take_uniquely(entry: KeyEntry, taken: set[str | bytes]) -> None:
    """`taken`: names and hashes. A set, because 64 KiB hold 2,400 entries, and comparing all pairs takes 0.3 s."""
    if entry.name in taken:
        raise ValueError("has the name of an entry before it")
    if entry.key_hash in taken:
        raise ValueError("has the key of an entry before it")
    taken.update((entry.name, entry.key_hash))


def _parse_name(name: object, position: int) -> str:
    if name is None:
        return f"key-{position + 1}"
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise ValueError(f"has a name that is not 1 to {MAX_NAME_CHARACTERS} printable characters")
    return name.strip()


def _parse_key(raw: dict[str, Any]) -> bytes:
    if ("key" in raw) == ("key_sha256" in raw):
        raise ValueError("needs either key or key_sha256")
    if "key" in raw:
        return _hash_of(raw["key"])
    digest = raw["key_sha256"]
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9A-Fa-f]{64}", digest):
        raise ValueError("has a key_sha256 that is not 64 hexadecimal digits")
    return bytes.fromhex(digest)


def _hash_of(key: object) -> bytes:
    if not isinstance(key, str) or not could_be_key(key):
        raise ValueError(f"is no key of {MIN_KEY_CHARACTERS} to {MAX_KEY_CHARACTERS} visible ASCII characters")
    return hash_key(key)


def _parse_expires(expires: object) -> float | None:
    """A date is good until its end, like the date on a card. Without an offset the time is UTC."""
    if expires is None:
        return None
    try:
        # Not before 1970, so that every expiry can be shown as a date.
        return max(0.0, _to_instant(expires).timestamp())  # type: ignore[arg-type]  # no string is the TypeError below
    except (TypeError, ValueError, OverflowError):
        raise ValueError("has an expires that is neither a date (2027-01-31) nor a date with time") from None


def _to_instant(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    except ValueError:
        instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def _parse_models(models: object) -> tuple[str, ...]:
    if models is None:
        return ()
    # An empty list is refused, not read as "every model": whoever wrote it may have meant "none".
    if not isinstance(models, list) or not models or not all(isinstance(glob, str) and glob for glob in models):
        raise ValueError("has a models that is not a list of names or globs; leave it out to allow every model")
    return tuple(models)


def _unknown_fields(raw: dict[str, Any], known: frozenset[str] | set[str]) -> Iterator[str]:
    for name in raw:
        if name not in known:
            sayable = len(name) <= MAX_FIELD_NAME_CHARACTERS and FIELD_NAME.fullmatch(name)
            yield name if sayable else "(a name not shown)"
