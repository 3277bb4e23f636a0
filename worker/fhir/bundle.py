"""From a case to one FHIR R4 transaction Bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.case import Case, Span
from shared.errors import MissingInputError
from shared.job import StageName
from worker.fhir import document, ids, parties
from worker.fhir.allergy import allergy
from worker.fhir.assessment import impression, issue, plan
from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import AI_LABEL, JOB_ID
from worker.fhir.composition import composition
from worker.fhir.condition import condition
from worker.fhir.elements import Element, Value, write
from worker.fhir.family import family
from worker.fhir.findings import Finding, findings
from worker.fhir.medication import medication
from worker.fhir.observation import social, symptom
from worker.fhir.operator import Operator
from worker.fhir.procedure import procedure
from worker.fhir.provenance import provenance
from worker.fhir.vitals import is_laboratory, vital

BUILDERS = {
    "condition": ("problems", condition),
    "symptom": ("symptoms", symptom),
    "vital": ("vitals", vital),
    "medication": ("medications", medication),
    "allergy": ("allergies", allergy),
    "procedure": ("procedures", procedure),
    "social": ("social", social),
}
"""Of each kind of mention: the section that its resources stand in, and who builds them."""
LABORATORY = "results"
OPERATOR = Operator()


@dataclass(frozen=True, slots=True)
class Built:
    """A Bundle, and which mention became which of its resources."""

    bundle: dict[str, Value]
    places: tuple[tuple[str, str], ...]
    """(id of a mention, fullUrl of its resource; with #n, the n-th condition of that family history)."""


@dataclass(frozen=True, slots=True)
class _Fact:
    """A resource that says what the text says, the words that say it, and the mentions that it was made of."""

    entry: Entry
    spans: Sequence[Span] = ()
    places: tuple[tuple[str, str], ...] = ()


def bundle(case: Case, operator: Operator = OPERATOR) -> str:
    """The Bundle as JSON text; the same case gives the same bytes. It is not checked yet: worker/fhir/check.py does.

    Raises MissingInputError without text.
    """
    return write(transaction(case, operator))


def transaction(case: Case, operator: Operator = OPERATOR) -> dict[str, Value]:
    """The Bundle as plain dictionaries. Raises MissingInputError without text."""
    return built(case, operator).bundle


def built(case: Case, operator: Operator = OPERATOR) -> Built:
    """The Bundle and where each mention stands in it. Raises MissingInputError without text."""
    if not case.text:
        raise MissingInputError("assemble needs text: run transcribe first, or send text")
    entries, places = _entries(case, operator)
    bundle: dict[str, Value] = {
        "resourceType": "Bundle",
        "meta": {"security": [AI_LABEL]},
        "identifier": {"system": JOB_ID, "value": case.origin.job_id},
        "type": "transaction",
        "timestamp": case.origin.received_at.isoformat(timespec="seconds"),
        "entry": [_entry(each) for each in entries],
    }
    return Built(bundle, places)


def _entries(case: Case, operator: Operator) -> tuple[list[Entry], tuple[tuple[str, str], ...]]:
    """All resources, each after those that it refers to, so that they can be sent one by one too; and the places."""
    name = ids.document_id(case)
    patient = parties.patient(case, name, document.reference(name))
    subject = parties.subject(case, patient)
    encounter = parties.encounter(case, name, subject)
    visit = parties.visit(case, encounter)
    sources = [document.original(case, name, subject, visit), document.text(case, name, subject, visit)]
    runner, software, models = parties.organization(operator), parties.software(), parties.models(case.models)
    devices = [software, *dict(models).values()]
    chart = Chart(
        case, name, subject, visit, document.reference(name), _finder(models, software), software.reference, operator
    )

    given = [each for each in (patient, encounter, *sources) if each is not None]
    facts = _facts(chart)
    every = [fact for section in facts.values() for fact in section]
    written = [*(fact.entry for fact in every), *_judgements(chart, facts)]
    made = [*(each for each in given if each.labelled), *written]
    record = provenance(chart, made, _once(devices), [each for each in sources if each], runner)
    return [*given, runner, *_once(devices), *written, record], tuple(place for fact in every for place in fact.places)


def _finder(models: Sequence[tuple[StageName, Entry]], software: Entry) -> Element:
    """The model that found the facts, or clinq where the case does not name one."""
    return dict(models).get(StageName.EXTRACT, software).reference


def _facts(chart: Chart) -> dict[str, list[_Fact]]:
    """What the text says, by section."""
    found = findings(chart.case.mentions)
    sections: dict[str, list[_Fact]] = {
        section: [] for section in (*(name for name, _ in BUILDERS.values()), LABORATORY)
    }
    for each in found:
        if each.first.experiencer == "patient" and each.first.kind in BUILDERS:
            section, build = BUILDERS[each.first.kind]
            section = LABORATORY if is_laboratory(each) else section
            if (entry := build(chart, each)) is not None:
                sections[section].append(_Fact(entry, each.spans, _places(entry.full_url, each)))
    sections["family"] = [_relative(entry, theirs) for entry, theirs in family(chart, _illnesses(found))]
    return sections


def _relative(entry: Entry, found: Sequence[Finding]) -> _Fact:
    places = (_places(f"{entry.full_url}#{number}", each) for number, each in enumerate(found))
    return _Fact(entry, places=tuple(place for each in places for place in each))


def _places(full_url: str, finding: Finding) -> tuple[tuple[str, str], ...]:
    return tuple((each.id, full_url) for each in finding.mentions)


def _illnesses(found: Sequence[Finding]) -> list[Finding]:
    return [each for each in found if each.first.kind in {"condition", "symptom"}]


def _judgements(chart: Chart, facts: dict[str, list[_Fact]]) -> list[Entry]:
    """What clinq makes of the facts, and the document that holds all of it together."""
    sections = {name: [fact.entry for fact in section] for name, section in facts.items()}
    every = [(fact.entry, fact.spans) for section in facts.values() for fact in section]
    assessed = impression(chart, [*sections["problems"], *sections["symptoms"]])
    planned = plan(chart)
    flags = [issue(chart, each, every) for each in chart.case.red_flags]
    sections |= {
        "red_flags": _once(flags),
        "assessment": [assessed] if assessed else [],
        "plan": [planned] if planned else [],
    }
    judged = [*sections["red_flags"], *sections["assessment"], *sections["plan"]]
    return [*judged, composition(chart, sections)]


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Each resource once: stages that share a model share its Device."""
    return list({each.full_url: each for each in entries}.values())


def _entry(entry: Entry) -> Element:
    request = {"method": "POST", "url": entry.kind, "ifNoneExist": entry.if_none_exist}
    return {"fullUrl": entry.full_url, "resource": entry.resource, "request": request}
