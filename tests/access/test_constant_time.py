"""Where two hashes differ, the time of their comparison does not say: `==` ends at the first byte that differs.

A difference of nanoseconds cannot be measured here, so this looks at how the comparison is done: the stored hashes are
bytes that do not allow `==`. `hmac.compare_digest` never asks for it.
"""

from typing import Final

import pytest

from gateway.access import Gatekeeper
from gateway.clocks import Clocks
from gateway.key_ring import KeyEntry, KeyRing, hash_key
from gateway.protocol.errors import Unauthenticated
from gateway.secret_store import SecretStore, SecretVersion
from gateway.settings import Settings

KEY: Final = "ck_key-of-this-test-file"


class ComparedWithEquals(Exception):
    pass


class StoredHash(bytes):
    """Equal to nothing but itself, and then not quietly."""

    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        raise ComparedWithEquals

    def __ne__(self, other: object) -> bool:
        raise ComparedWithEquals


class OneSecret:
    """Secrets Manager, as far as a store sees it."""

    async def prepare(self) -> None:
        """It needs nothing."""

    async def read(self, stage: str) -> SecretVersion | None:
        return SecretVersion("", created=0) if stage == "AWSCURRENT" else None


async def test_stored_hashes_are_never_compared_with_equals() -> None:
    ring = KeyRing((KeyEntry("laptop", StoredHash(hash_key(KEY))),), is_single=False)
    clocks = Clocks()
    store = SecretStore(OneSecret(), lambda _: ring, Settings(), clocks=clocks)
    gatekeeper = Gatekeeper(store, previous_grace_seconds=0, clocks=clocks)
    await gatekeeper.warm()
    assert (await gatekeeper.authenticate({"x-api-key": KEY})).name == "laptop"
    with pytest.raises(Unauthenticated):
        await gatekeeper.authenticate({"x-api-key": f"{KEY}0"})
