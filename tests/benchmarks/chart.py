"""A chart of measured points and their straight line, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 640, 360, 70, 50, 30
TICKS = 5
STYLE = "font-family:sans-serif;font-size:13px;fill:#444"


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line through points that leaves least squares of their differences."""

    slope: float
    start: float
    r2: float
    """Share of the variance that the line explains; 1 when all points lie on it."""


def fit(x: Sequence[float], y: Sequence[float]) -> Line:
    """The line through at least two points."""
    slope, start = np.polyfit(x, y, 1)
    told = slope * np.asarray(x) + start
    spread = float(((np.asarray(y) - np.mean(y)) ** 2).sum())
    left = float(((np.asarray(y) - told) ** 2).sum())
    return Line(float(slope), float(start), 1.0 - left / spread if spread else 1.0)


def draw(path: Path, title: str, across: str, up: str, x: Sequence[float], y: Sequence[float]) -> Line:
    """Write the chart of these points with axes from zero, and answer its line."""
    line = fit(x, y)
    most_x, most_y = max(x), max(*y, line.start + line.slope * max(x))
    parts = [*_frame(title, across, up, most_x, most_y)]
    begin, end = (_at(0, line.start, most_x, most_y), _at(most_x, line.start + line.slope * most_x, most_x, most_y))
    parts.append(
        f'<line x1="{begin[0]:.1f}" y1="{begin[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="#1668b8"/>'
    )
    for each in zip(x, y, strict=True):
        left, top = _at(*each, most_x, most_y)
        parts.append(f'<circle cx="{left:.1f}" cy="{top:.1f}" r="4" fill="#c2410c"/>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")
    return line


def _frame(title: str, across: str, up: str, most_x: float, most_y: float) -> list[str]:
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    floor, right = HEIGHT - BOTTOM, WIDTH - EDGE
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" style="{STYLE};font-weight:bold">{escape(title)}</text>',
        f'<text x="{right}" y="{HEIGHT - 10}" text-anchor="end" style="{STYLE}">{escape(across)}</text>',
        f'<text x="16" y="{floor}" transform="rotate(-90 16 {floor})" style="{STYLE}">{escape(up)}</text>',
        f'<path d="M{LEFT} {EDGE}V{floor}H{right}" fill="none" stroke="#444"/>',
    ]
    for tick in range(TICKS + 1):
        share = tick / TICKS
        left, top = _at(share * most_x, share * most_y, most_x, most_y)
        made.append(
            f'<text x="{left:.1f}" y="{floor + 18}" text-anchor="middle" style="{STYLE}">{share * most_x:.3g}</text>'
        )
        made.append(
            f'<text x="{LEFT - 6}" y="{top + 4:.1f}" text-anchor="end" style="{STYLE}">{share * most_y:.3g}</text>'
        )
    return made


def _at(x: float, y: float, most_x: float, most_y: float) -> tuple[float, float]:
    wide, high = WIDTH - LEFT - EDGE, HEIGHT - BOTTOM - EDGE
    return LEFT + wide * x / (most_x or 1.0), HEIGHT - BOTTOM - high * y / (most_y or 1.0)
