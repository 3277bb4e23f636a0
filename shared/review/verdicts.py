"""What all reviews of a result together say of each of its resources; the later word counts.

A fact stands for the resource that it became, together with the other facts that became the same. What was said of a
single fact is not taken back when the rest is confirmed; to reject all takes back what was confirmed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.review.asked import Correction, Review
from shared.review.records import Stored


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said last, by which review, and how the resource should read."""

    rejected: bool
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of the result as a whole, and of single places: a resource, or a condition within a family history."""

    whole: Verdict | None = None
    single: Mapping[str, Verdict] = field(default_factory=dict)
    """By the fullUrl of a resource; of a relative's condition with # and its number behind that."""

    def of(self, full_url: str) -> Verdict | None:
        """What was said of this resource."""
        return self.single.get(full_url, self.whole)

    def within(self, full_url: str) -> dict[int, Verdict]:
        """What was said of single conditions in this family history, by their number."""
        parts = (place.partition("#") for place in self.single)
        return {int(n): self.single[f"{url}#{n}"] for url, _, n in parts if url == full_url and n}


def places(facts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Which place of the Bundle each fact of a result stands at, by the fact's id."""
    return {each["id"]: each["resource"] for each in facts if each.get("resource")}


def verdicts(reviews: Sequence[Stored], at: Mapping[str, str]) -> Verdicts:
    """All reviews together, oldest first; `at` as `places` gives it."""
    whole: Verdict | None = None
    single: dict[str, Verdict] = {}
    for stored in reviews:
        named = dict(touched(stored, at))
        if not named and not (stored.review.facts or stored.review.corrections):
            whole = Verdict(rejected=stored.review.action == "reject")
            if whole.rejected:
                single = {place: each for place, each in single.items() if each.rejected}
        for place, corrections in named.items():
            before = single[place].corrections if place in single else ()
            single[place] = Verdict(stored.review.action == "reject", (*before, *corrections))
    return Verdicts(whole, single)


def touched(stored: Stored, at: Mapping[str, str]) -> Iterator[tuple[str, tuple[Correction, ...]]]:
    """The places that a review names, with its corrections of them."""
    for fact in stored.review.facts:
        if fact in at:
            yield at[fact], ()
    by_place: dict[str, tuple[Correction, ...]] = {}
    for each in stored.review.corrections:
        if each.fact_id in at:
            place = at[each.fact_id]
            by_place[place] = (*by_place.get(place, ()), each)
    yield from by_place.items()


def wordless(reviews: Sequence[Stored]) -> list[Stored]:
    """The same without any word that a reviewer wrote: a corrected fact counts as rejected, whatever was said later.

    For what leaves de-identified: nobody has searched those words for identifiers.
    """
    wrong = {each.fact_id for stored in reviews for each in stored.review.corrections}
    made = []
    for stored in reviews:
        said = stored.review
        if said.corrections:
            made.append(
                replace(stored, review=Review(action="reject", facts=[each.fact_id for each in said.corrections]))
            )
        elif kept := [each for each in said.facts if each not in wrong or said.action == "reject"]:
            made.append(replace(stored, review=Review(action=said.action, facts=kept)))
        elif not said.facts:
            made.append(replace(stored, review=Review(action=said.action)))
    return made
