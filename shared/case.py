"""What is known about one submission so far: the vocabulary that stages write and worker/fhir reads.

All offsets are Unicode code points of `Case.text`, the end exclusive. All times are seconds of the recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from shared.category import Classification as Classification
from shared.category import Headed as Headed
from shared.errors import StoredCaseError
from shared.job import StageName
from shared.series import Deterioration
from shared.source import Origin as Origin
from shared.source import Page as Page
from shared.source import Reached as Reached
from shared.source import Segment as Segment
from shared.source import Span as Span
from shared.source import Word as Word

MentionKind = Literal["symptom", "condition", "medication", "allergy", "vital", "procedure", "social", "demographic"]
Assertion = Literal["present", "absent", "possible", "hypothetical"]
Experiencer = Literal["patient", "family", "other"]
Temporality = Literal["current", "past", "planned"]
Support = Literal["supported", "partial", "unsupported"]
Urgency = Literal["emergency", "urgent", "routine"]
Mood = Literal["positive", "neutral", "negative", "distressed"]
IdentifierKind = Literal[
    "name", "location", "date", "age", "phone", "fax", "email", "ssn", "mrn", "health_plan", "account", "license",
    "vehicle", "device", "url", "ip", "id",
]  # fmt: skip
"""What can tell who somebody is, after 45 CFR 164.514(b)(2) (HIPAA, safe harbor); age: only above 89 years."""


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part of a note; `name` is one of the names in worker/clinical/sections.py."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a terminology, e.g. http://hl7.org/fhir/sid/icd-10-cm R51.9."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """What modifies a mention: dose, unit, route, frequency, duration, severity, laterality, value, systolic ..."""

    name: str
    value: str
    """As in the note; numbers keep their digits (37.90 stays 37.90), units are UCUM for vitals."""
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing that the text says about somebody, in the sense in which it says it."""

    id: str
    kind: MentionKind
    start: int
    end: int
    text: str
    """Exactly `case.text[start:end]`."""
    assertion: Assertion = "present"
    experiencer: Experiencer = "patient"
    relation: str | None = None
    """Of a family member: father, mother, sister ..."""
    temporality: Temporality = "current"
    attributes: tuple[Attribute, ...] = ()
    codes: tuple[Code, ...] = ()
    concept: str | None = None
    """The plain English name of what is meant, e.g. headache, from the terminology."""
    confidence: float = 1.0
    cues: tuple[Span, ...] = ()
    """The words that decided assertion, experiencer and temporality."""
    section: str | None = None

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name."""
        return next((each.value for each in self.attributes if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A stretch of the case's text that could tell who somebody is."""

    kind: IdentifierKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that clinq writes, with what supports it."""

    text: str
    section: str
    evidence: tuple[Span, ...]
    support: Support = "supported"


@dataclass(frozen=True, slots=True)
class RedFlag:
    """A sign of danger that a published rule names and that the text affirms of the patient."""

    rule: str
    text: str
    urgency: Urgency
    source: str
    """The publication that the rule comes from."""
    evidence: tuple[Span, ...]
    crisis: bool = False
    """Acute danger to life by the patient's own hand or to others: it is told at once."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A next step or a question for the clinician."""

    text: str
    kind: Literal["red_flag", "next_step", "question"]
    urgency: Urgency
    source: str
    """The rule's publication, or the name of the model that wrote it."""
    evidence: tuple[Span, ...]
    support: Support = "supported"


@dataclass(frozen=True, slots=True)
class TurnSentiment:
    """How the patient feels in one turn; `score` runs from -1 to 1."""

    label: Mood
    score: float
    said: Span
    """The turn."""
    evidence: tuple[Span, ...] = ()
    """The words that tell it."""


@dataclass(frozen=True, slots=True)
class Sentiment:
    """How the patient feels over the whole text, and turn by turn."""

    label: Mood
    score: float
    turns: tuple[TurnSentiment, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Which weights did one stage's work."""

    stage: StageName
    name: str
    version: str
    engine: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Fallback:
    """A stage that ran on its rules engine, and why; the reason names no content."""

    stage: StageName
    engine: str
    reason: str


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known so far. Frozen: a stage returns `replace(case, ...)`."""

    origin: Origin
    text: str | None = None
    """The submitted text, unchanged; the transcript, its segments joined by a newline; or a document's pages."""
    language: str | None = None
    insufficient: str | None = None
    """Why there is too little content to go on; set by the stage that finds it, and it ends the job."""
    segments: tuple[Segment, ...] = ()
    reached: Reached | None = None
    """Set between two chunks of a long recording: the text and the segments go so far."""
    pages: tuple[Page, ...] = ()
    """Of a document, in their order; pages without a word are among them."""
    sections: tuple[Section, ...] = ()
    headed: tuple[Headed, ...] = ()
    """The stretches of a conversation by what they are about, in the order of the text."""
    mentions: tuple[Mention, ...] = ()
    identifiers: tuple[Identifier, ...] | None = None
    """In the order of the text, none overlapping; None where nobody has looked for them."""
    classification: Classification | None = None
    summary: tuple[Sentence, ...] = ()
    """Sectioned summary, in reading order."""
    narrative: tuple[Sentence, ...] = ()
    """The running text of clinical_summary.narrative_summary."""
    summary_by: str | None = None
    """Who wrote both: the name of a model, or extractive for this project's rules."""
    red_flags: tuple[RedFlag, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    sentiment: Sentiment | None = None
    deterioration: Deterioration | None = None
    """Of measurements; a text has none."""
    share_read: float = 1.0
    """Share of the text that the generating stages read, 0 to 1."""
    degraded: tuple[Fallback, ...] = ()
    warnings: tuple[str, ...] = ()
    models: tuple[ModelUse, ...] = ()
    timings: tuple[tuple[StageName, float], ...] = ()
    """(stage, seconds)."""
    bundle: str | None = None
    """The FHIR Bundle as JSON text, once it has passed its check."""
    resources: tuple[tuple[str, str], ...] = ()
    """(id of a mention, fullUrl of the resource that it became in the bundle; with #n, its n-th condition)."""

    @property
    def crisis(self) -> bool:
        """Whether a red flag says that somebody is in acute danger by the patient's own hand."""
        return any(flag.crisis for flag in self.red_flags)

    def quote(self, span: Span) -> str:
        """The words that a span selects."""
        return (self.text or "")[span.start : span.end]


_case = TypeAdapter(Case)


def to_json(case: Case) -> bytes:
    """The case as it is stored, encrypted, after each stage."""
    return _case.dump_json(case, exclude_defaults=True)


def from_json(stored: bytes) -> Case:
    """The case as it was stored. Raises StoredCaseError, which quotes nothing, when another version wrote it."""
    try:
        return _case.validate_json(stored)
    except ValidationError:
        pass
    raise StoredCaseError("the stored case is not of this version: submit the job again")
