"""The result as clients read it, made from a finished case."""

from __future__ import annotations

import json
from typing import Any

from shared import classified
from shared.case import Case, Mention, Recommendation, RedFlag, Sentence, Span
from shared.job import JobRequest
from shared.quoting import evidence

DISCLAIMER = (
    "Written by software from the submitted content. It may be incomplete or wrong, it is no diagnosis, and a "
    "clinician must check it against the source before use."
)
NUMBERS = frozenset({"dose", "previous_dose", "value", "systolic", "diastolic", "duration_days", "onset_age"})
IN_A_YEAR = {"a": 1, "mo": 12, "wk": 52, "d": 365}
"""Ages are told in these UCUM units; the summary has completed years."""


def result(case: Case, request: JobRequest) -> bytes:
    """The JSON document of a completed job, without its state, which the row knows."""
    document: dict[str, Any] = {
        "language": case.language,
        "transcript": _transcript(case),
        "classification": classified.classification(case),
        "clinical_summary": _clinical_summary(case),
        "facts": _facts(case),
        "sections": classified.sections(case),
        "summary": [_sentence(case, each) for each in case.summary],
        "recommendations": [_recommendation(case, each) for each in case.recommendations],
        "red_flags": [_red_flag(case, each) for each in case.red_flags],
        "sentiment": _sentiment(case),
        **({} if case.deterioration is None else {"deterioration": case.deterioration.model_dump(mode="json")}),
        "degraded": [
            {"stage": each.stage.value, "engine": each.engine, "reason": each.reason} for each in case.degraded
        ],
        "warnings": list(case.warnings),
        "models": {
            each.stage.value: {"name": each.name, "version": each.version, "engine": each.engine, "sha256": each.sha256}
            for each in case.models
        },
        "timings": {stage.value: round(seconds, 4) for stage, seconds in case.timings},
        "share_read": case.share_read,
        "cache_hit": case.origin.reused,
        "disclaimer": DISCLAIMER,
        "metadata": dict(request.metadata),
    }
    if not case.segments and case.origin.audio is None and case.origin.document is None:
        document.pop("transcript")
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _transcript(case: Case) -> dict[str, Any]:
    """The text that the offsets count in, which nobody has sent: with lines of speech, or with pages."""
    pages = [
        {"page": each.number, "start": each.start, "end": each.end, "recognised": each.recognised}
        for each in case.pages
    ]
    return {
        "text": case.text or "",
        "language": case.language,
        "duration_s": case.origin.audio.duration_s if case.origin.audio else None,
        "segments": [
            {
                "start": each.start,
                "end": each.end,
                "start_s": each.start_s,
                "end_s": each.end_s,
                "speaker": each.speaker,
                "text": case.quote(Span(each.start, each.end)),
                "flags": list(each.flags),
                "words": [
                    {
                        "word": case.quote(Span(word.start, word.end)),
                        "start": word.start,
                        "end": word.end,
                        "start_s": word.start_s,
                        "end_s": word.end_s,
                        "probability": word.probability,
                    }
                    for word in each.words
                ],
            }
            for each in case.segments
        ],
        **({} if case.origin.document is None else {"pages": pages}),
    }


def _clinical_summary(case: Case) -> dict[str, Any]:
    mine = [each for each in case.mentions if each.experiencer == "patient"]
    affirmed = [each for each in mine if each.assertion == "present"]
    age = next((each for each in mine if each.kind == "demographic" and each.concept == "age"), None)
    gender = next((each for each in mine if each.kind == "demographic" and each.concept == "gender"), None)
    return {
        "patient_age": _years(age) if age else None,
        "patient_gender": gender.attribute("value") if gender else None,
        "symptoms": [_symptom(case, each) for each in _once(affirmed, "symptom") if each.temporality == "current"],
        "risk_factors": [_named(case, each) for each in _risk_factors(case)],
        "relevant_conditions": [_named(case, each) for each in _once(affirmed, "condition")],
        "narrative_summary": " ".join(each.text for each in case.narrative),
        "narrative": [_sentence(case, each) for each in case.narrative],
        "written_by": case.summary_by,
        "evidence": {
            name: evidence(case, [Span(each.start, each.end)])
            for name, each in (("patient_age", age), ("patient_gender", gender))
            if each is not None
        },
    }


def _years(age: Mention) -> int | None:
    """Completed years: a child of 18 months is 1."""
    told = _number(age.attribute("value"))
    return int(told // IN_A_YEAR.get(age.attribute("unit") or "a", 1)) if isinstance(told, int | float) else None


def _risk_factors(case: Case) -> list[Mention]:
    family = [
        each
        for each in case.mentions
        if each.kind == "condition" and each.experiencer == "family" and each.assertion == "present"
    ]
    social = [
        each
        for each in case.mentions
        if each.kind == "social" and each.experiencer == "patient" and each.assertion == "present"
    ]
    return [*social, *family]


def _once(mentions: list[Mention], kind: str) -> list[Mention]:
    """Of several mentions of one thing, the one that says most about it, in the order of the text."""
    fullest: dict[str, Mention] = {}
    for each in mentions:
        if each.kind != kind:
            continue
        name = each.concept or each.text.casefold()
        if name not in fullest or len(each.attributes) > len(fullest[name].attributes):
            fullest[name] = each
    return sorted(fullest.values(), key=lambda each: each.start)


def _symptom(case: Case, mention: Mention) -> dict[str, Any]:
    return {
        **_named(case, mention),
        "duration": mention.attribute("duration"),
        "duration_days": _number(mention.attribute("duration_days")),
        "severity": mention.attribute("severity"),
        "laterality": mention.attribute("laterality"),
    }


def _named(case: Case, mention: Mention) -> dict[str, Any]:
    named: dict[str, Any] = {
        "name": mention.concept or mention.text,
        "text": mention.text,
        "temporality": mention.temporality,
        "evidence": evidence(case, [Span(mention.start, mention.end)]),
    }
    if mention.experiencer == "family":
        named |= {"experiencer": "family", "relation": mention.relation}
    return named


def _facts(case: Case) -> list[dict[str, Any]]:
    """Each fact, with the fullUrl of the resource that it became in the Bundle, where it became one."""
    places = dict(case.resources)
    found = [_fact(case, each) for each in case.mentions if each.kind != "demographic"]
    return [each | {"resource": places[each["id"]]} if each["id"] in places else each for each in found]


def _fact(case: Case, mention: Mention) -> dict[str, Any]:
    spans = [Span(mention.start, mention.end), *mention.cues, *(a.span for a in mention.attributes if a.span)]
    return {
        "id": mention.id,
        "kind": mention.kind,
        "text": mention.text,
        "concept": mention.concept,
        "assertion": mention.assertion,
        "experiencer": mention.experiencer,
        **({"relation": mention.relation} if mention.relation else {}),
        "temporality": mention.temporality,
        "attrs": {
            each.name: _number(each.value) if each.name in NUMBERS else each.value for each in mention.attributes
        },
        "codes": [{"system": each.system, "code": each.code, "display": each.display} for each in mention.codes],
        "confidence": mention.confidence,
        "section": mention.section,
        "evidence": evidence(case, dict.fromkeys(spans)),
    }


def _sentence(case: Case, sentence: Sentence) -> dict[str, Any]:
    return {
        "section": sentence.section,
        "text": sentence.text,
        "support": sentence.support,
        "evidence": evidence(case, sentence.evidence),
    }


def _recommendation(case: Case, each: Recommendation) -> dict[str, Any]:
    return {
        "text": each.text,
        "kind": each.kind,
        "urgency": each.urgency,
        "source": each.source,
        "support": each.support,
        "evidence": evidence(case, each.evidence),
    }


def _red_flag(case: Case, each: RedFlag) -> dict[str, Any]:
    return {
        "rule": each.rule,
        "text": each.text,
        "urgency": each.urgency,
        "source": each.source,
        "crisis": each.crisis,
        "evidence": evidence(case, each.evidence),
    }


def _sentiment(case: Case) -> dict[str, Any] | None:
    found = case.sentiment
    if found is None:
        return None
    turns = [
        {
            "label": each.label,
            "score": each.score,
            "start": each.said.start,
            "end": each.said.end,
            "evidence": evidence(case, each.evidence),
        }
        for each in found.turns
    ]
    return {"label": found.label, "score": found.score, "turns": turns}


def _number(value: str | None) -> int | float | str | None:
    """A number where the value is one, else the words of the note (a range, a fraction)."""
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() and "." not in value else number
