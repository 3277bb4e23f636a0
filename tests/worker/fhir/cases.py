"""Cases written by hand, their mentions found by their words, and questions to the bundles made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.case import (
    Attribute,
    Case,
    Classification,
    Code,
    Mention,
    ModelUse,
    Recommendation,
    RedFlag,
    Sentence,
    Span,
)
from shared.job import Audio, StageName
from worker.fhir.bundle import transaction
from worker.fhir.check import problems

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
HPO = "http://human-phenotype-ontology.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NOTE = (
    "45-year-old man, moderate headache for three days, history of migraine, takes metformin 500 mg twice daily, "
    "allergic to penicillin, father had a stroke, BP 142/91, denies vomiting. Return if fever."
)
Resource = dict[str, Any]
RECORDING = Audio(
    blob="b",
    content_type="audio/flac",
    sha256="cd" * 32,
    size_bytes=9,
    duration_s=3.0,
    channels=1,
    sample_rate_hz=16000,
)


def span(text: str, words: str) -> Span:
    start = text.index(words)
    return Span(start, start + len(words))


def mention(text: str, kind: str, words: str, said: dict[str, tuple[str, str | None]] | None = None, **more) -> Mention:
    """A mention of these words; `said` gives each attribute its value and the words that it stands in."""
    held = [Attribute(name, value, span(text, at) if at else None) for name, (value, at) in (said or {}).items()]
    place = span(text, words)
    return Mention(f"{kind}-{place.start}", kind, place.start, place.end, words, attributes=tuple(held), **more)


def note_mentions(note: str) -> tuple[Mention, ...]:
    migraine, stroke = Code(ICD, "G43.909", "Migraine, unspecified"), Code(ICD, "I63.9", "Cerebral infarction")
    return (
        mention(note, "demographic", "45-year-old", {"value": ("45", None)}, concept="age"),
        mention(note, "demographic", "man", {"value": ("male", None)}, concept="gender"),
        mention(
            note,
            "symptom",
            "headache",
            {
                "severity": ("moderate", "moderate"),
                "duration": ("three days", "three days"),
                "duration_days": ("3", None),
            },
            concept="headache",
            codes=(Code(HPO, "HP:0002315", "Headache"),),
        ),
        mention(note, "condition", "migraine", concept="migraine", temporality="past", codes=(migraine,)),
        mention(
            note,
            "medication",
            "metformin",
            {
                "dose": ("500", "500 mg"),
                "unit": ("mg", "500 mg"),
                "frequency": ("twice daily", "twice daily"),
            },
            concept="metformin",
            codes=(Code(RXNORM, "6809", "metformin"),),
        ),
        mention(note, "allergy", "penicillin", concept="penicillin", codes=(Code(RXNORM, "70618", "penicillin"),)),
        mention(
            note,
            "condition",
            "stroke",
            concept="stroke",
            codes=(stroke,),
            experiencer="family",
            relation="father",
            temporality="past",
        ),
        mention(
            note,
            "vital",
            "BP 142/91",
            {"systolic": ("142", "142"), "diastolic": ("91", "91"), "unit": ("mm[Hg]", None)},
            concept="blood pressure",
        ),
        mention(
            note,
            "symptom",
            "vomiting",
            concept="vomiting",
            assertion="absent",
            cues=(span(note, "denies"),),
            codes=(Code(HPO, "HP:0002013", "Vomiting"),),
        ),
        mention(note, "symptom", "fever", concept="fever", assertion="hypothetical"),
    )


def read(case: Case) -> Case:
    """The note that everybody tests with, as the extraction leaves it, and what the other stages wrote of it."""
    headache = span(NOTE, "moderate headache for three days")
    return replace(
        case,
        mentions=note_mentions(NOTE),
        classification=Classification(
            "neurological", 0.83, (("neurological", 0.83), ("other", 0.17)), True, (headache,)
        ),
        summary=(Sentence("Moderate headache for three days.", "subjective", (headache,)),),
        narrative=(
            Sentence("Moderate headache for three days.", "narrative", (headache,)),
            Sentence("The patient is a pilot.", "narrative", (), "unsupported"),
        ),
        red_flags=(RedFlag("headache-pressure", "Headache with raised pressure", "urgent", "NICE CG150", (headache,)),),
        recommendations=(
            Recommendation(
                "Repeat the blood pressure.", "next_step", "routine", "NICE NG136", (span(NOTE, "BP 142/91"),)
            ),
        ),
        models=(
            ModelUse(StageName.EXTRACT, "rules", "1", "rules"),
            ModelUse(StageName.CLASSIFY, "minilm-l6-v2", "1", "bert", "ab" * 32),
        ),
    )


def sound(case: Case) -> Resource:
    """The case's bundle, which must pass its own check."""
    built = transaction(case)
    assert problems(built) == []
    return built


def resources(bundle: Resource, kind: str) -> list[Resource]:
    return [each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind]


def one(bundle: Resource, kind: str, text: str | None = None) -> Resource:
    """The one resource of that type whose code says `text`."""
    (found,) = [each for each in resources(bundle, kind) if text is None or each["code"]["text"] == text]
    return found


def evidence(case: Case, resource: Resource) -> list[str]:
    """The words that the resource's evidence selects."""
    quoted = []
    for each in resource["extension"]:
        part = {held["url"]: held for held in each["extension"]}
        start = part["offset"]["valueInteger"]
        quoted.append(case.text[start : start + part["length"]["valueInteger"]])
    return quoted
