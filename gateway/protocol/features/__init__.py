"""The feature table: every thing of the Messages API that chatrix knows, with what becomes of it and why.

The translation looks its rows up by name and does what they say (`Disposition.note`): `kept` goes on in silence,
`approximated` and `dropped` are disclosed, `refused` is a 400. Tests hold the table against the public SDK's types, and
each row to a request that shows it. `make matrix` renders it as docs/compatibility.md, `GET /protocol` as JSON.
"""

from gateway.protocol.features.betas import BETAS
from gateway.protocol.features.blocks import BLOCKS
from gateway.protocol.features.feature import FATES, Fate, Feature, Kind
from gateway.protocol.features.fields import FIELDS
from gateway.protocol.features.headers import HEADERS
from gateway.protocol.features.replies import REPLIES
from gateway.protocol.features.thinking import THINKING
from gateway.protocol.features.tools import TOOLS

__all__ = ["FATES", "FEATURES", "Fate", "Feature", "Kind"]


def _table(*groups: tuple[Feature, ...]) -> dict[str, Feature]:
    rows = [row for group in groups for row in group]
    table = {row.name: row for row in rows}
    if len(table) != len(rows):
        raise ValueError("two rows of the feature table have one name")
    return table


FEATURES: dict[str, Feature] = _table(FIELDS, BLOCKS, TOOLS, THINKING, BETAS, HEADERS, REPLIES)
