"""How many pages a PDF has, from a look at its beginning and its end: no library, and not the whole of a large file.

A PDF names its number of pages in the root of its page tree, which stands at either end in most files, and each page is
an object of its own. In newer files both may be inside compressed streams; then the size has to tell.
"""

import re
from base64 import b64decode
from itertools import islice
from math import ceil
from typing import Final

# Looked at of each end. Multiples of four, so that the base64 is cut between groups. Both together take about 2 ms.
END_CHARACTERS: Final = 262_144
# For a PDF that shows neither pages nor a number. Scanned pages take more, pages of text less.
PAGE_BYTES: Final = 50_000
# The most that Anthropic's API takes: https://docs.claude.com/en/docs/build-with-claude/pdf-support
MAX_PAGES: Final = 600
_PAGE: Final = re.compile(rb"/Type\s{0,8}/Page\b")
_NODE: Final = re.compile(rb"/Type\s{0,8}/Pages\b")
_COUNT: Final = re.compile(rb"/Count\s{1,8}(\d{1,9})\b")
# Nodes of the page tree that are read, and how far around: a made-up file must not cost more than a real one.
MAX_NODES: Final = 64
NODE_BYTES: Final = 4096


def pdf_pages(base64: str) -> int:
    """At least 1, and rather too many than too few. `base64` must be sound."""
    seen, total_bytes = _ends(base64)
    # Pages are spread over the file: of what was not looked at, as many a byte as of what was.
    found = ceil(len(_PAGE.findall(seen)) * total_bytes / max(len(seen), 1))
    pages = _named(seen) or found or ceil(total_bytes / PAGE_BYTES)
    return max(1, min(pages, MAX_PAGES))


def _named(seen: bytes) -> int:
    """The largest number in a node of the page tree, which is the root's. 0 if there is none."""
    nodes = (_dictionary(seen, node.start()) for node in islice(_NODE.finditer(seen), MAX_NODES))
    return max((int(count[1]) for node in nodes if (count := _COUNT.search(node))), default=0)


def _dictionary(seen: bytes, at: int) -> bytes:
    """The dictionary around this place; a node's has no other inside."""
    start = seen.rfind(b"<<", max(0, at - NODE_BYTES), at)
    end = seen.find(b">>", at, at + NODE_BYTES)
    return seen[max(start, at - NODE_BYTES, 0) : end if end >= 0 else at + NODE_BYTES]


def _ends(base64: str) -> tuple[bytes, int]:
    """What is looked at, and how many bytes the whole has."""
    if len(base64) <= 2 * END_CHARACTERS:
        pdf = b64decode(base64)
        return pdf, len(pdf)
    return b64decode(base64[:END_CHARACTERS]) + b64decode(base64[-END_CHARACTERS:]), len(base64) // 4 * 3
