"""Long text cut into stretches that a small encoder can read, and their scores merged into one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from shared.case import Span
from worker.clinical.folded import sentences

FIRST_WEIGHT = 2.0
"""The first stretch of a note says why the patient came: it counts twice."""
LEAST_WEIGHT = 1.0
"""What a stretch counts that speaks for no label."""

Lengths = Callable[[Sequence[str]], list[int]]
"""Tokens of each text."""


def windows(text: str, lengths: Lengths, limit: int) -> list[Span]:
    """The whole text as stretches of whole sentences, none over `limit` tokens; longer sentences are cut at words."""
    parts = _short(text, sentences(text), lengths, limit)
    sizes = lengths([text[part.start : part.end] for part in parts])
    packed: list[Span] = []
    room = 0
    for part, size in zip(parts, sizes, strict=True):
        if packed and size <= room:
            packed[-1] = Span(packed[-1].start, part.end)
            room -= size
        else:
            packed.append(part)
            room = limit - size
    return packed


def merge(rows: Sequence[Sequence[float]]) -> list[float]:
    """One row of scores from those of a text's windows: the surer a window, the more it counts."""
    weights = [_sureness(row) * (FIRST_WEIGHT if at == 0 else 1.0) for at, row in enumerate(rows)]
    total = sum(weights)
    return [sum(w * row[each] for w, row in zip(weights, rows, strict=True)) / total for each in range(len(rows[0]))]


def _short(text: str, stretches: Sequence[Span], lengths: Lengths, limit: int) -> list[Span]:
    """The stretches in order, those that are too long cut in two until none is."""
    sizes = lengths([text[each.start : each.end] for each in stretches])
    parts = []
    for each, size in zip(stretches, sizes, strict=True):
        short = size <= limit or each.end - each.start < 2
        parts += [each] if short else _short(text, _halves(text, each), lengths, limit)
    return parts


def _halves(text: str, whole: Span) -> tuple[Span, Span]:
    middle = (whole.start + whole.end) // 2
    space = text.rfind(" ", whole.start + 1, middle)
    cut = space if space > 0 else middle
    return Span(whole.start, cut), Span(cut, whole.end)


def _sureness(row: Sequence[float]) -> float:
    doubt = -sum(each * math.log(each) for each in row if each > 0) / math.log(len(row))
    return LEAST_WEIGHT + 1.0 - doubt
