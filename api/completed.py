"""The document of a completed job, field by field: what OpenAPI shows, and what the examples of docs are held to."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.standing import State
from shared.case import Assertion, Experiencer, Mood, Support, Temporality, Urgency
from shared.job import StageName
from shared.series import Deterioration


class Evidence(BaseModel):
    """Where in the source the words stand that something rests on."""

    start: int = Field(description="Unicode code points of the source")
    end: int = Field(description="exclusive")
    quote_hash: str = Field(description="SHA-256 of the quoted words in UTF-8, lower-case hex")
    page: int | None = Field(None, description="of a document, from 1")
    audio_start_s: float | None = Field(None, description="when it was said")
    audio_end_s: float | None = None


class Word(BaseModel):
    """One spoken word."""

    word: str
    start: int
    end: int
    start_s: float
    end_s: float
    probability: float


class Segment(BaseModel):
    """One line of the transcript."""

    start: int
    end: int
    start_s: float
    end_s: float
    speaker: str | None = Field(description="clinician, patient, a voice's number; null where it is not known")
    text: str
    flags: list[str] = Field(description="what a detector found wrong: low_confidence, repetition, no_speech ...")
    words: list[Word]


class Page(BaseModel):
    """One page of a document."""

    page: int = Field(description="from 1")
    start: int
    end: int
    recognised: bool = Field(description="read from a picture, by OCR")


class Transcript(BaseModel):
    """What was said in the recording, or read in the document; its text is the source that all offsets count in."""

    text: str
    language: str | None
    duration_s: float | None
    segments: list[Segment]
    pages: list[Page] | None = Field(None, description="of a document")


class CategoryScore(BaseModel):
    """One category and its score."""

    category: str
    score: float


class Weighed(Evidence):
    """A stretch of the source, and how much it speaks for the category."""

    weight: float = Field(description="above 0: for it; below 0: against it")


class Attributions(BaseModel):
    """What speaks most for and against the category, the strongest first."""

    method: str = Field(description="occlusion")
    sentences: list[Weighed]
    words: list[Weighed]


class Classification(BaseModel):
    """What kind of problem the text is about."""

    category: str
    confidence: float
    all_scores: dict[str, float] = Field(description="they add up to 1")
    top: list[CategoryScore]
    needs_review: bool
    evidence: list[Evidence]
    attributions: Attributions | None = Field(None, description="where explain was asked for")


class Named(BaseModel):
    """A risk factor or a condition."""

    name: str
    text: str
    temporality: Temporality
    evidence: list[Evidence]
    experiencer: Experiencer | None = Field(None, description="family; absent where it is the patient")
    relation: str | None = Field(None, description="of the family member")


class Symptom(Named):
    """A symptom that the patient has now."""

    duration: str | None
    duration_days: float | str | None
    severity: str | None
    laterality: str | None


class SummarySentence(BaseModel):
    """A sentence that clinq writes, with what supports it."""

    section: str
    text: str
    support: Support
    evidence: list[Evidence]


class ClinicalSummary(BaseModel):
    """The patient at a glance."""

    patient_age: int | None = Field(description="completed years, where the text tells them")
    patient_gender: str | None = Field(description="male or female, where the text tells it")
    symptoms: list[Symptom]
    risk_factors: list[Named]
    relevant_conditions: list[Named]
    narrative_summary: str
    narrative: list[SummarySentence]
    written_by: str | None = Field(None, description="who wrote narrative and summary: a model, or extractive (rules)")
    evidence: dict[str, list[Evidence]] = Field(description="of patient_age and patient_gender")


class Code(BaseModel):
    """A code of a terminology."""

    system: str
    code: str
    display: str


class Attrs(BaseModel):
    """What modifies a fact; each is there only where the text tells it. Numbers that are none stay words (1/2)."""

    dose: float | str | None = None
    previous_dose: float | str | None = None
    unit: str | None = None
    route: str | None = None
    frequency: str | None = None
    status: str | None = None
    duration: str | None = None
    duration_days: float | str | None = None
    severity: str | None = None
    severity_score: str | None = None
    laterality: str | None = None
    onset_age: float | str | None = None
    reaction: str | None = None
    value: float | str | None = None
    systolic: float | str | None = None
    diastolic: float | str | None = None


class Fact(BaseModel):
    """One thing that the text says about somebody, in the sense in which it says it."""

    id: str
    kind: str = Field(description="symptom, condition, medication, allergy, vital, procedure or social")
    text: str = Field(description="exactly what the first evidence selects")
    concept: str | None = Field(description="the plain English name of what is meant")
    assertion: Assertion
    experiencer: Experiencer
    relation: str | None = None
    temporality: Temporality
    attrs: Attrs
    codes: list[Code]
    confidence: float
    section: str | None
    evidence: list[Evidence]
    resource: str | None = Field(None, description="fullUrl in the Bundle; #n: the n-th condition of a family history")


class Part(BaseModel):
    """A headed part of a note, or a stretch of a conversation by what it is about."""

    name: str
    start: int
    end: int
    header: str | None = Field(None, description="of a conversation: one of the 20 section headers of MTS-Dialog")
    confidence: float | None = Field(None, description="of the header, 0 to 1")


class Advice(BaseModel):
    """A next step or a question for the clinician."""

    text: str
    kind: str = Field(description="red_flag, next_step or question")
    urgency: Urgency
    source: str = Field(description="the rule's publication, or the name of the model that wrote it")
    support: Support
    evidence: list[Evidence]


class Danger(BaseModel):
    """A sign of danger that a published rule names."""

    rule: str
    text: str
    urgency: Urgency
    source: str
    crisis: bool
    evidence: list[Evidence]


class Felt(BaseModel):
    """How the patient feels in one turn."""

    label: Mood
    score: float = Field(description="-1 to 1")
    start: int
    end: int
    evidence: list[Evidence]


class Feelings(BaseModel):
    """How the patient feels over the whole text, and turn by turn."""

    label: Mood
    score: float
    turns: list[Felt]


class Degraded(BaseModel):
    """A stage that ran on its rules, and why."""

    stage: StageName
    engine: str
    reason: str


class Used(BaseModel):
    """Which weights did a stage's work."""

    name: str
    version: str
    engine: str
    sha256: str | None


class Completed(State):
    """The state of a completed job and its result, beside each other."""

    language: str | None
    transcript: Transcript | None = Field(None, description="recordings only")
    classification: Classification | None
    clinical_summary: ClinicalSummary
    facts: list[Fact]
    sections: list[Part]
    summary: list[SummarySentence]
    recommendations: list[Advice]
    red_flags: list[Danger]
    sentiment: Feelings | None
    deterioration: Deterioration | None = Field(None, description="of measurements only")
    degraded: list[Degraded]
    warnings: list[str]
    models: dict[StageName, Used]
    timings: dict[StageName, float] = Field(description="seconds")
    share_read: float = Field(description="share of the source that the writing models read, 0 to 1")
    cache_hit: bool = Field(description="computed for an earlier job with the same content and weights")
    disclaimer: str
    metadata: dict[str, str]
