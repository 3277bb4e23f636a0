"""Which sentences and words a classifier's score rests on: each is taken out, and the score is taken again.

Occlusion (Zeiler and Fergus 2014; for words Li 2016, "representation erasure"): it asks nothing of a model but scores,
so it tells of every engine in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from shared.case import Span
from shared.category import Attribution, Attributions
from worker.clinical.folded import sentences
from worker.stage import Listen

MOST_SENTENCES = 5
MOST_WORDS = 10
MOST_ASKED = 64
"""Sentences, and then words, that are taken out of one text: it bounds what an explanation costs."""
WORD = re.compile(r"[^\W\d_](?:[^\W_]|['’-](?=\w)){2,}+")
DIGITS = 4


class Scores(Protocol):
    """A classifier."""

    def score(self, texts: Sequence[str], listen: Listen) -> list[list[float]]: ...


def occlusion(scorer: Scores, text: str, windows: Sequence[Span], place: int, listen: Listen) -> Attributions:
    """What speaks for label number `place` in these windows of a text, each of which the classifier reads at once.

    The weight of a stretch is by how much the score of its window falls without it.
    """
    whole = [row[place] for row in scorer.score([text[each.start : each.end] for each in windows], listen)]
    parts = [
        (at, span) for at, window in enumerate(windows) for span in _within(window, sentences(_quote(text, window)))
    ]

    def weigh(asked: Sequence[tuple[int, Span]]) -> list[Attribution]:
        left = [_without(text, windows[at], span) for at, span in asked]
        rows = scorer.score(left, listen)
        return [
            Attribution(span, round(whole[at] - row[place], DIGITS))
            for (at, span), row in zip(asked, rows, strict=True)
        ]

    told = _strongest(weigh(parts[:MOST_ASKED]), MOST_SENTENCES)
    chosen = {each.span for each in told}
    words = [
        (at, word)
        for at, span in parts
        if span in chosen
        for word in _within(span, (Span(*found.span()) for found in WORD.finditer(_quote(text, span))))
    ]
    return Attributions("occlusion", told, _strongest(weigh(words[:MOST_ASKED]), MOST_WORDS))


def _strongest(found: Iterable[Attribution], most: int) -> tuple[Attribution, ...]:
    ranked = sorted(found, key=lambda each: (-abs(each.weight), each.span.start))
    return tuple(each for each in ranked[:most] if each.weight)


def _within(outer: Span, inner: Iterable[Span]) -> list[Span]:
    return [Span(outer.start + each.start, outer.start + each.end) for each in inner]


def _quote(text: str, span: Span) -> str:
    return text[span.start : span.end]


def _without(text: str, window: Span, span: Span) -> str:
    return text[window.start : span.start] + text[span.end : window.end]
