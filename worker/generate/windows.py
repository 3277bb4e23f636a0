"""A long text in stretches that a model can read, cut between sentences."""

from __future__ import annotations

from collections.abc import Callable

from shared.case import Span
from worker.clinical.affirmed import sentences


def windows(text: str, most_tokens: int, count: Callable[[str], int]) -> tuple[Span, ...]:
    """Stretches of whole sentences of at most `most_tokens`; together they cover every sentence.

    A sentence that is longer than that alone is cut between words.
    """
    found: list[Span] = []
    size = 0
    for piece in (part for span in sentences(text) for part in _short(text, span, most_tokens, count)):
        tokens = count(text[piece.start : piece.end])
        if found and size + tokens <= most_tokens:
            found[-1] = Span(found[-1].start, piece.end)
            size += tokens
        else:
            found.append(piece)
            size = tokens
    return tuple(found)


def _short(text: str, span: Span, most_tokens: int, count: Callable[[str], int]) -> list[Span]:
    """The sentence itself, or its halves, quarters ... where it is too long."""
    middle = text.find(" ", (span.start + span.end) // 2, span.end)
    if count(text[span.start : span.end]) <= most_tokens or middle < 0:
        return [span]
    halves = (Span(span.start, middle), Span(middle + 1, span.end))
    return [each for half in halves for each in _short(text, half, most_tokens, count)]
