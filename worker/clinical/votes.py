"""Categories by vote: each coded mention speaks for the categories of its codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import exp

from shared.case import Case, Mention, Span
from worker.clinical.categories import OTHER, category_names, of_hpo, of_icd10

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
HPO = "http://human-phenotype-ontology.org"
FADE_CONCEPTS = 3.0
"""After so many concepts a vote counts 1/e; measured on held-out training notes, as is the next."""
OTHER_WEIGHT = 0.3
"""Pain, weakness and swelling belong to no organ, yet speak of most visits."""
DOUBT = 0.3
"""A vote that `other` always has, so that one weak sign does not decide alone."""
PAST_WEIGHT = 0.3
ACUTE_SECTIONS = ("chief", "present", "assessment", "diagnos", "impression")
ACUTE_WEIGHT = 2.0
"""What the patient came for and what the clinician concluded counts twice."""
MOST_SPANS = 5


def scores(case: Case) -> dict[str, float]:
    """Each category's share of the votes; they add up to 1.

    A concept votes once, and the later it first comes, the less it counts: notes begin with why the patient came.
    """
    cast: defaultdict[str, float] = defaultdict(float, {OTHER: DOUBT})
    for rank, mention in enumerate(_first_of_each(case)):
        found = categories(mention)
        for name in found:
            share = _weight(mention) * exp(-rank / FADE_CONCEPTS) / len(found)
            cast[name] += share * (OTHER_WEIGHT if name == OTHER else 1.0)
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


def _first_of_each(case: Case) -> Iterator[Mention]:
    """The first voting mention of each concept, in reading order."""
    seen: set[str] = set()
    for each in sorted(case.mentions, key=lambda mention: mention.start):
        name = each.concept or each.text.lower()
        if name not in seen and _weight(each) and categories(each):
            seen.add(name)
            yield each


def _weight(mention: Mention) -> float:
    if mention.assertion in {"absent", "hypothetical"} or mention.experiencer != "patient":
        return 0.0
    weight = PAST_WEIGHT if mention.temporality == "past" else 1.0
    acute = mention.section is not None and any(each in mention.section for each in ACUTE_SECTIONS)
    return weight * (ACUTE_WEIGHT if acute else 1.0)
