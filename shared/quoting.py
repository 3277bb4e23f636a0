"""Where the words stand that something rests on, as results quote them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from shared.case import Case, Segment, Span
from shared.source import page_of


def evidence(case: Case, spans: Iterable[Span]) -> list[dict[str, Any]]:
    """Offsets, the hash of the quoted words and where a reader finds them: on which page, or when they were said."""
    found = []
    for span in spans:
        entry: dict[str, Any] = {"start": span.start, "end": span.end, "quote_hash": _hash(case.quote(span))}
        if (page := page_of(case.pages, span)) is not None:
            entry["page"] = page
        if (times := _times(case.segments, span)) is not None:
            entry["audio_start_s"], entry["audio_end_s"] = times
        found.append(entry)
    return found


def _times(segments: tuple[Segment, ...], span: Span) -> tuple[float, float] | None:
    """When the span was said: by its words where they are known, else by its segments."""
    touched = [each for each in segments if each.start < span.end and each.end > span.start]
    if not touched:
        return None
    words = [word for each in touched for word in each.words if word.start < span.end and word.end > span.start]
    said = words or touched
    return min(each.start_s for each in said), max(each.end_s for each in said)


def _hash(quote: str) -> str:
    return hashlib.sha256(quote.encode("utf-8", "surrogatepass")).hexdigest()
