"""What clinq makes of the findings: ClinicalImpression, DetectedIssue for red flags, CarePlan for next steps."""

from __future__ import annotations

from collections.abc import Sequence

from shared.case import Classification, Recommendation, RedFlag, Sentence, Span
from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import CATEGORY, coding, concept, is_code
from worker.fhir.elements import Element, Value, clean, element
from worker.fhir.evidence import extensions

SEVERITY = {"emergency": "high", "urgent": "moderate", "routine": "low"}
KINDS = {"red_flag": "Red flag", "next_step": "Next step", "question": "Question"}


def impression(chart: Chart, findings: Sequence[Entry]) -> Entry | None:
    """The narrative with the category and its score; None where there is neither."""
    case = chart.case
    sentences = [each for each in case.narrative if each.support != "unsupported" and clean(each.text)]
    found: list[Element] = [{"itemReference": each.reference} for each in findings]
    if not sentences and case.classification is None:
        return None
    summary = " ".join(_marked(each.text, each.support) for each in sentences)
    fields = element(
        status="completed",
        code=concept("Summary of the source, written by software"),
        subject=chart.subject,
        encounter=chart.encounter,
        effectiveDateTime=chart.effective,
        date=chart.recorded,
        summary=summary,
        finding=[*([_category(chart, case.classification)] if case.classification else []), *found],
        supportingInfo=[chart.source],
    )
    said = summary or "Category only (AI asserted)"
    return chart.asserted("ClinicalImpression", "summary", said, _evidence(sentences), fields)


def issue(chart: Chart, flag: RedFlag, facts: Sequence[tuple[Entry, Sequence[Span]]]) -> Entry:
    """A sign of danger, with the resources whose words it rests on."""
    implicated = [entry.reference for entry, spans in facts if _overlap(spans, flag.evidence)]
    fields = element(
        status="preliminary",
        code=concept(flag.text),
        severity=SEVERITY[flag.urgency],
        patient=chart.subject,
        identifiedDateTime=chart.recorded,
        author=chart.software,
        implicated=implicated,
        evidence=[{"detail": [chart.source]}],
        detail=clean(f"{flag.text} ({flag.urgency}). Rule: {flag.source}"),
    )
    return chart.asserted(
        "DetectedIssue", f"{flag.rule}|{flag.text}", f"Red flag: {flag.text} (AI asserted)", flag.evidence, fields
    )


def plan(chart: Chart) -> Entry | None:
    """The next steps and questions as one draft proposal; None without any. What nothing supports is left out."""
    steps = [each for each in chart.case.recommendations if each.support != "unsupported" and clean(each.text)]
    if not steps:
        return None
    fields = element(
        status="draft",
        intent="proposal",
        title="Proposed next steps, written by software for the clinician to decide",
        subject=chart.subject,
        encounter=chart.encounter,
        created=chart.recorded,
        author=chart.software,
        supportingInfo=[chart.source],
        activity=[_activity(chart, each) for each in steps],
    )
    said = "; ".join(_marked(each.text, each.support) for each in steps)
    spans = [span for each in steps for span in each.evidence]
    return chart.asserted("CarePlan", "proposal", said, spans, fields)


def _category(chart: Chart, found: Classification) -> Element:
    known = [coding(CATEGORY, found.category)] if is_code(CATEGORY, found.category) else []
    review = "; uncertain, needs review" if found.needs_review else ""
    return element(
        extension=extensions(chart.source, found.evidence),
        itemCodeableConcept=concept(f"{found.category} (category)", *known),
        basis=f"Model score {found.confidence:.4f}{review}",
    )


def _activity(chart: Chart, step: Recommendation) -> dict[str, Value]:
    return element(
        extension=extensions(chart.source, step.evidence),
        detail=element(
            code=concept(f"{KINDS[step.kind]}, {step.urgency}"),
            status="not-started",
            description=clean(f"{_marked(step.text, step.support)} [source: {step.source}]"),
        ),
    )


def _marked(text: str, support: str) -> str:
    """A sentence that the source supports in part only says so."""
    return clean(text) + (" (supported in part)" if support == "partial" else "")


def _evidence(sentences: Sequence[Sentence]) -> list[Span]:
    return [span for each in sentences for span in each.evidence]


def _overlap(spans: Sequence[Span], others: Sequence[Span]) -> bool:
    return any(one.start < other.end and other.start < one.end for one in spans for other in others)
