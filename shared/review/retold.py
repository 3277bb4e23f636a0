"""What clinq wrote in its own words, without what rests on something that a reviewer corrected or rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.fhir_json import Resource
from shared.review.rewording import plain, worded
from shared.review.verdicts import Verdicts, places

DERIVATION = "http://hl7.org/fhir/StructureDefinition/derivation-reference"
NOTHING_LEFT = "All that was said here rested on what a reviewer corrected or rejected"
SUMMARY = "55112-7"
"""The LOINC code of the Composition's section that holds clinq's summary."""
Places = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Retold:
    """The places of the source that reviewers set right, and the sentences of the result."""

    wrong: Places
    narrative: Sequence[Mapping[str, Any]]
    summary: Sequence[Mapping[str, Any]]

    def impression(self, resource: Resource) -> Resource:
        """A ClinicalImpression without the sentences that rest on what was wrong."""
        said = " ".join(self._still_said(self.narrative))
        changed = {**resource, "summary": said, "text": worded([said or NOTHING_LEFT])}
        if not said:
            del changed["summary"]
        return self.with_evidence(changed)

    def section(self, section: Resource) -> Resource:
        """The summary of a Composition in the same way; empty where nothing is left of it."""
        said = [*self._still_said(self.summary, headed=True)]
        return {**section, "text": worded(said)} if said else {}

    def plan(self, resource: Resource) -> Resource:
        """A CarePlan in the same way; a red flag stays: to have looked once too often harms nobody."""
        kept = [each for each in resource["activity"] if _is_red_flag(each) or not _meet(_spans(each), self.wrong)]
        words = "; ".join(each["detail"]["description"].rpartition(" [source: ")[0] for each in kept)
        changed = {**resource, "activity": kept, "text": worded([words or NOTHING_LEFT])}
        if not kept:
            del changed["activity"]
        return self.with_evidence(changed)

    def with_evidence(self, resource: Resource) -> Resource:
        """The resource without the evidence of what is no longer said."""
        found = resource.get("extension", [])
        kept = [each for each in found if not _meet(_spans({"extension": [each]}), self.wrong)]
        return {name: each for name, each in {**resource, "extension": kept}.items() if each != []}

    def _still_said(self, sentences: Sequence[Mapping[str, Any]], *, headed: bool = False) -> Iterator[str]:
        for each in sentences:
            at = [(span["start"], span["end"]) for span in each["evidence"]]
            if each["support"] != "unsupported" and not _meet(at, self.wrong):
                words = f"{each['section']}: {each['text']}" if headed else each["text"]
                yield plain(words) + (" (supported in part)" if each["support"] == "partial" else "")


def retold(result: Mapping[str, Any], told: Verdicts) -> Retold | None:
    """What is to be told anew; None where no single fact was corrected or rejected."""
    at = places(result.get("facts", []))
    wrong: list[tuple[int, int]] = []
    for fact in result.get("facts", []):
        verdict = told.single.get(at.get(fact["id"], ""))
        if verdict is not None and (verdict.rejected or verdict.corrections):
            wrong += [(span["start"], span["end"]) for span in fact["evidence"]]
    narrative = result.get("clinical_summary", {}).get("narrative", [])
    return Retold(wrong, narrative, result.get("summary", [])) if wrong else None


def is_summary(section: Resource) -> bool:
    """Whether the section is clinq's own summary."""
    return any(each["code"] == SUMMARY for each in section.get("code", {}).get("coding", []))


def _is_red_flag(activity: Resource) -> bool:
    return str(activity["detail"]["code"]["text"]).startswith("Red flag")


def _spans(held: Resource) -> list[tuple[int, int]]:
    found = []
    for each in held.get("extension", []):
        if each["url"] == DERIVATION:
            said = {part["url"]: part.get("valueInteger", 0) for part in each["extension"]}
            found.append((said["offset"], said["offset"] + said["length"]))
    return found


def _meet(some: Places, others: Places) -> bool:
    return any(start < end_of_other and begin < end for start, end in some for begin, end_of_other in others)
