"""What a text is about: its clinical category, what speaks for it, and the headers of a conversation's stretches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.source import Span


@dataclass(frozen=True, slots=True)
class Attribution:
    """How much a stretch of the text speaks for the category: above 0 for it, below 0 against it."""

    span: Span
    weight: float


@dataclass(frozen=True, slots=True)
class Attributions:
    """What speaks most for and against the category, the strongest first."""

    method: Literal["occlusion"]
    """How it was found: worker/explain.py."""
    sentences: tuple[Attribution, ...]
    words: tuple[Attribution, ...]


@dataclass(frozen=True, slots=True)
class Classification:
    """The clinical category with all scores, which add up to 1."""

    category: str
    confidence: float
    scores: tuple[tuple[str, float], ...]
    """(category, score), highest first."""
    needs_review: bool
    evidence: tuple[Span, ...] = ()
    attributions: Attributions | None = None
    """On request only."""


@dataclass(frozen=True, slots=True)
class Headed:
    """A stretch of a conversation, and the section of a note that it would be written into."""

    header: str
    """One of the 20 headers of MTS-Dialog."""
    confidence: float
    start: int
    end: int
    sure: bool = False
    """Whether the confidence is high enough to sort by."""
