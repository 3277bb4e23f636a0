"""FamilyMemberHistory: what relatives have or had, which is never a Condition of the patient."""

from __future__ import annotations

from collections.abc import Sequence

from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import coded, concept, hl7
from worker.fhir.elements import Element, Value, element
from worker.fhir.findings import Finding
from worker.fhir.quantities import number, quantity

ROLES = {
    "father": "FTH", "mother": "MTH", "parent": "PRN", "brother": "BRO", "sister": "SIS", "sibling": "SIB",
    "son": "SON", "daughter": "DAU", "child": "CHILD", "grandfather": "GRFTH", "grandmother": "GRMTH",
    "grandparent": "GRPRN", "maternal grandfather": "MGRFTH", "maternal grandmother": "MGRMTH",
    "paternal grandfather": "PGRFTH", "paternal grandmother": "PGRMTH", "uncle": "UNCLE", "aunt": "AUNT",
    "maternal uncle": "MUNCLE", "maternal aunt": "MAUNT", "paternal uncle": "PUNCLE", "paternal aunt": "PAUNT",
    "cousin": "COUSN", "nephew": "NEPHEW", "niece": "NIECE", "grandchild": "GRNDCHILD", "grandson": "GRNDSON",
    "granddaughter": "GRNDDAU", "half-brother": "HBRO", "half-sister": "HSIS",
}  # fmt: skip
"""Blood relations, with their code of v3-RoleCode; everybody else is a family member."""
ANY = ("FAMMEMB", "family member")


def family(chart: Chart, findings: Sequence[Finding]) -> list[tuple[Entry, list[Finding]]]:
    """One FamilyMemberHistory a relative, with the findings that its conditions were made of, in their order.

    What a relative does not have is left out: FHIR R4 cannot say it.
    """
    by_relative: dict[str, list[Finding]] = {}
    for each in findings:
        if each.first.experiencer == "family" and each.first.assertion in {"present", "possible"}:
            by_relative.setdefault((each.first.relation or "").casefold(), []).append(each)
    return [(_member(chart, relation, found), found) for relation, found in by_relative.items()]


def _member(chart: Chart, relation: str, found: Sequence[Finding]) -> Entry:
    fields = element(
        status="partial",
        patient=chart.subject,
        date=chart.recorded,
        relationship=_relationship(relation),
        condition=[_condition(chart, each) for each in found],
    )
    said = f"{relation or ANY[1]}: {', '.join(each.words for each in found)} (AI asserted)"
    spans = [span for each in found for span in each.spans]
    return chart.asserted("FamilyMemberHistory", relation, said, spans, fields)


def _relationship(relation: str) -> dict[str, Value]:
    if relation in ROLES:
        return coded(hl7("v3-RoleCode"), ROLES[relation], relation.replace("-", " "))
    return {**coded(hl7("v3-RoleCode"), *ANY), **concept(relation or ANY[1])}


def _condition(chart: Chart, finding: Finding) -> Element:
    age = finding.attribute("onset_age")
    years = number(age)
    return element(
        code=concept(finding.words, *chart.coded(finding)),
        onsetAge={**quantity(years, "a"), "unit": "years"} if years is not None else None,
        onsetString=age if years is None else None,
        note=[{"text": "The source calls it possible."}] if finding.first.assertion == "possible" else None,
    )
