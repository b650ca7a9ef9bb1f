"""What the translation of one request carries along."""

from dataclasses import dataclass, field

from gateway.catalog import Model
from gateway.protocol.disposition import Disposition
from gateway.protocol.document_names import DocumentNames
from gateway.protocol.wire_names import ToolNames


@dataclass(frozen=True, slots=True)
class Scope:
    model: Model
    disposition: Disposition
    tool_names: ToolNames = field(default_factory=ToolNames)
    document_names: DocumentNames = field(default_factory=DocumentNames)
