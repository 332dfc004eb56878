"""Radar and bars as inline SVG. Values run from 0 to 100; a missing one is left out."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

COLOURS = ("#0b7285", "#c2410c", "#6d28d9", "#15803d", "#be185d", "#a16207", "#1d4ed8", "#525252")
"""Told apart by most people with colour vision deficiency, and each at least 3:1 on white."""

Series = Sequence[tuple[str, Sequence[Mapping[str, Any] | None]]]
"""Name, and for each category an object with value, low, high and items, or None."""


def radar(categories: Sequence[str], series: Series) -> str:
    """One polygon per series over at least three categories."""
    size, radius = 420, 140
    middle = size / 2

    def point(index: int, value: float) -> str:
        angle, distance = 2 * math.pi * index / len(categories) - math.pi / 2, radius * value / 100
        return f"{middle + distance * math.cos(angle):.1f},{middle + distance * math.sin(angle):.1f}"

    grid = "".join(
        f'<polygon class="grid" points="{" ".join(point(i, ring) for i in range(len(categories)))}"/>'
        for ring in (25, 50, 75, 100)
    )
    shapes, labels = [], []
    for number, (name, values) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(point(i, _clamped(value["value"])) for i, value in enumerate(values) if value)
        shapes.append(
            f'<polygon points="{points}" fill="{colour}" fill-opacity=".12" stroke="{colour}" stroke-width="2">'
            f"<title>{html.escape(name)}</title></polygon>"
        )
    for index, category in enumerate(categories):
        x, y = point(index, 112).split(",")
        side = float(x) - middle
        anchor = "middle" if abs(side) < 8 else "start" if side > 0 else "end"
        labels.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}" dy=".3em">{html.escape(category)}</text>')
    return (
        f'<svg viewBox="-60 0 {size + 120} {size}" width="{size + 120}" role="img" aria-label="radar">'
        f"{grid}{''.join(shapes)}{''.join(labels)}</svg>"
    )


def bars(categories: Sequence[str], series: Series) -> str:
    """Horizontal bars with their 95% intervals, one group per category."""
    label, width, bar, gap = 170, 320, 12, 10
    group = len(series) * (bar + 2) + gap
    height = len(categories) * group + 24
    parts = []
    for tick in (0, 25, 50, 75, 100):
        x = label + width * tick / 100
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height - 20}"/>')
        parts.append(f'<text x="{x}" y="{height - 6}" text-anchor="middle">{tick}</text>')
    for index, category in enumerate(categories):
        top = index * group
        middle = top + (group - gap) / 2
        parts.append(f'<text x="{label - 8}" y="{middle}" text-anchor="end" dy=".35em">{html.escape(category)}</text>')
        for number, (name, values) in enumerate(series):
            value = values[index]
            if value is None:
                continue
            y = top + number * (bar + 2)
            colour = COLOURS[number % len(COLOURS)]
            long = width * _clamped(value["value"]) / 100
            parts.append(
                f'<rect x="{label}" y="{y}" width="{long:.1f}" height="{bar}" fill="{colour}" fill-opacity=".75">'
                f"<title>{html.escape(name)}: {value['value']:.1f}, n = {value['items']}</title></rect>"
            )
            if value["low"] is not None:
                low, high = (label + width * _clamped(value[end]) / 100 for end in ("low", "high"))
                parts.append(
                    f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + bar / 2}" y2="{y + bar / 2}" stroke="currentColor" '
                    'stroke-width="1.5"/>'
                )
            text = f"{value['value']:.0f} (n={value['items']})"
            parts.append(f'<text x="{label + width + 8}" y="{y + bar - 2}">{text}</text>')
    total = label + width + 90
    return f'<svg viewBox="0 0 {total} {height}" width="{total}" role="img" aria-label="bars">{"".join(parts)}</svg>'


def _clamped(value: float) -> float:
    return max(0.0, min(100.0, value))
