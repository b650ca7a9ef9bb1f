"""The numbers as pictures: bars in SVG, for docs/performance.md.

A dozen rectangles and words need no plotting library, and the same numbers give the same bytes: a diff shows what has
changed. The scale is logarithmic, since what is compared differs by a thousand times; each bar has its number.
"""

from collections.abc import Mapping
from html import escape
from math import log10

WIDTH, ROW, LEFT, RIGHT, TOP = 720, 26, 90, 110, 34
# Legible on white and on black.
INK, OURS, OTHERS = "#808080", "#2f81f7", "#9aa4af"


def bars(title: str, values: Mapping[str, float], ours: str = "chatrix") -> str:
    """One picture. `values` are above 0, in the order in which they are shown."""
    height = TOP + ROW * len(values) + 8
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    least = min(values.values()) / 2
    widest = log10(max(values.values()) / least)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<text x="0" y="18" fill="{INK}" font-weight="bold">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values.items()):
        top = TOP + ROW * number
        length = round((WIDTH - LEFT - RIGHT) * log10(value / least) / widest, 1)
        lines += [
            f'<text x="{LEFT - 8}" y="{top + 15}" fill="{INK}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{length}" height="20" fill="{OURS if name == ours else OTHERS}"/>',
            f'<text x="{LEFT + length + 6}" y="{top + 15}" fill="{INK}">{shown(value)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def shown(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
