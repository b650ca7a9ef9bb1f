"""What the translation of one request carries along."""

import msgspec

from gateway.catalog import Model
from gateway.protocol.disposition import Disposition
from gateway.protocol.document_names import DocumentNames
from gateway.protocol.options import NO_OPTIONS, Options
from gateway.protocol.wire_names import ToolNames


class Scope(msgspec.Struct, frozen=True):
    model: Model
    disposition: Disposition
    options: Options = NO_OPTIONS
    tool_names: ToolNames = msgspec.field(default_factory=ToolNames)
    document_names: DocumentNames = msgspec.field(default_factory=DocumentNames)

    def note(self, row: str, path: str | None = None) -> None:
        """A row of the feature table applies, at `path` in the request. Raises `InvalidRequest` if it is refused."""
        self.disposition.note(row, path)
