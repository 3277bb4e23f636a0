"""What a case is read from: the stretches, spoken words and pages of its text, and where the job came from.

All offsets are Unicode code points of `Case.text`, the end exclusive. All times are seconds of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.job import Audio, Document, Encounter, Patient
from shared.series import Series


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the case's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word: where it stands in the text and when it was said."""

    start: int
    end: int
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of speech by one speaker; `start` and `end` select its words in the text."""

    start: int
    end: int
    start_s: float
    end_s: float
    speaker: str | None = None
    """clinician, patient, a voice's number, or None where it is not known."""
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()
    """What a detector found wrong with it, e.g. repetition or low_confidence."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an attempt has heard a recording that it did not hear to the end: the next one goes on there."""

    sample: int
    """The first one that was not heard, at 16 kHz."""
    model: str
    """Who heard it; another recogniser begins anew."""
    asked: str | None
    """The language that the caller named."""
    sure: float
    """Probability of the language that was detected."""
    missing: tuple[tuple[float, float], ...] = ()
    """Seconds of the recording in which somebody spoke and nothing was recognised."""
    seconds: float = 0.0
    """What it took."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document; `start` and `end` select its words in the text."""

    number: int
    """From 1, as a reader counts them."""
    start: int
    end: int
    recognised: bool = False
    """Whether its words were read from a picture, by OCR."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the case comes from: the job, the caller's patient and encounter, the document's identity."""

    job_id: str
    tenant: str
    received_at: datetime
    """With its time zone."""
    attempt: int = 1
    patient: Patient | None = None
    encounter: Encounter | None = None
    audio: Audio | None = None
    document: Document | None = None
    series: Series | None = None
    explain: bool = False
    """The caller wants to know which words the category rests on."""
    reused: bool = False
    """What the stages found comes from the result cache: an earlier job with the same content and weights."""


def page_of(pages: Sequence[Page], span: Span) -> int | None:
    """The number of the page on which a span begins; None where the text has no pages, or it is on none."""
    return next((each.number for each in pages if each.start <= span.start < max(each.end, each.start + 1)), None)
