"""Categories by vote: each coded mention speaks for the categories of its codes."""

from __future__ import annotations

from collections import defaultdict

from shared.case import Case, Mention, Span
from worker.clinical.categories import OTHER, category_names, of_hpo, of_icd10

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
HPO = "http://human-phenotype-ontology.org"
DOUBT = 0.5
"""A vote that `other` always has, so that one weak sign does not decide alone."""
PAST_WEIGHT = 0.3
ACUTE_SECTIONS = ("chief", "present", "assessment", "diagnos", "impression")
ACUTE_WEIGHT = 2.0
"""What the patient came for and what the clinician concluded counts twice."""
MOST_SPANS = 5


def scores(case: Case) -> dict[str, float]:
    """Each category's share of the votes; they add up to 1."""
    cast: defaultdict[str, float] = defaultdict(float, {OTHER: DOUBT})
    for mention in case.mentions:
        found = categories(mention)
        for each in found:
            cast[each] += _weight(mention) / len(found)
    total = sum(cast.values())
    return {name: cast[name] / total for name in category_names()}


def evidence(case: Case, category: str) -> tuple[Span, ...]:
    """Where the mentions stand that voted for a category, the weightiest of them, in reading order."""
    voted = [each for each in case.mentions if _weight(each) and category in categories(each)]
    voted.sort(key=lambda each: -_weight(each))
    return tuple(sorted({Span(each.start, each.end) for each in voted[:MOST_SPANS]}, key=lambda span: span.start))


def counts(mention: Mention) -> bool:
    """Whether a mention says something of the patient's own health now."""
    return _weight(mention) >= 1


def categories(mention: Mention) -> frozenset[str]:
    """The categories that a mention's codes belong to, ICD-10-CM before HPO; only symptoms and conditions have any."""
    if mention.kind not in {"symptom", "condition"}:
        return frozenset()
    by_chapter = {of_icd10(code.code) for code in mention.codes if code.system == ICD10}
    by_branch = (of_hpo(code.code) for code in mention.codes if code.system == HPO)
    return frozenset(by_chapter) or frozenset().union(*by_branch)


def _weight(mention: Mention) -> float:
    if mention.assertion in {"absent", "hypothetical"} or mention.experiencer != "patient":
        return 0.0
    weight = PAST_WEIGHT if mention.temporality == "past" else 1.0
    acute = mention.section is not None and any(each in mention.section for each in ACUTE_SECTIONS)
    return weight * (ACUTE_WEIGHT if acute else 1.0)
