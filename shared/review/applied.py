"""The Bundle as it reads after its reviews: other labels, other statuses, corrections, and who said so.

The stored Bundle stays as it is: this one is made from it whenever it is asked for, and always with the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from shared.fhir_json import Resource
from shared.review.corrected import HL7, concept, corrected
from shared.review.records import Stored
from shared.review.retold import Retold, is_summary, retold
from shared.review.rewording import inner, reviewed_words, said, struck_out, worded
from shared.review.verdicts import Verdict, Verdicts, places, touched, verdicts

AI = {"system": f"{HL7}v3-ObservationValue", "code": "AIAST"}
REVIEW_ID = "urn:clinq:review-id"
ACCOUNT = "urn:clinq:account"
_SPACE = uuid5(NAMESPACE_URL, REVIEW_ID)
FINAL = {"Observation": "status", "DetectedIssue": "status", "Composition": "status"}
VERIFIED = frozenset({"Condition", "AllergyIntolerance"})
WITH_STATUS = frozenset({
    "Observation", "DetectedIssue", "Composition", "MedicationStatement", "MedicationRequest", "Procedure",
    "FamilyMemberHistory", "ClinicalImpression", "CarePlan",
})  # fmt: skip
"""Types whose status can say entered-in-error; others say it by their verificationStatus, or not at all."""
TITLE = "What software found in the source, reviewed"


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """What every resource is looked at with."""

    told: Verdicts
    facts: Mapping[str, Mapping[str, Any]]
    """By id, as the result has them."""
    labels: Sequence[Mapping[str, str]]
    last: Stored


def applied(
    bundle: Resource, result: Mapping[str, Any], reviews: Sequence[Stored], labels: Sequence[Mapping[str, str]]
) -> Resource:
    """The transaction after these reviews, oldest first; `result` is the same job's, `labels` the codes (system, code)
    that what was reviewed bears instead of the AI label."""
    if not reviews:
        return bundle
    facts = result.get("facts", [])
    at = places(facts)
    look = _Reviewed(verdicts(reviews, at), {each["id"]: each for each in facts}, labels, reviews[-1])
    entries = [{**each, "resource": _judged(each, look)} for each in bundle["entry"]]
    gone = {each["fullUrl"] for each in entries if _in_error(each["resource"])}
    anew = retold(result, look.told)
    entries = [{**each, "resource": _gathered(each["resource"], gone, anew)} for each in entries]
    by_url = {each["fullUrl"]: each["resource"] for each in entries}
    entries = [{**each, "resource": _document(each["resource"], by_url, gone, anew)} for each in entries]
    entries += [each for stored in reviews for each in _record(stored, bundle, at, look)]
    return {**bundle, "meta": _labels_of_all(bundle["meta"], entries, labels), "entry": entries}


def _judged(entry: Resource, look: _Reviewed) -> Resource:
    """One resource after what was said of it; what the caller or the operator gave is nobody's to review here."""
    resource: Resource = entry["resource"]
    if not _is_labelled(resource):
        return resource
    verdict = look.told.of(entry["fullUrl"])
    within = look.told.within(entry["fullUrl"])
    if within and not (verdict and verdict.rejected):
        return _family(resource, within, verdict, look)
    if verdict is None:
        return resource
    if verdict.rejected:
        return _rejected(resource)
    for each in verdict.corrections:
        resource = corrected(resource, each, look.facts[each.fact_id])
    return _confirmed(resource, verdict, look)


def _confirmed(resource: Resource, verdict: Verdict, look: _Reviewed) -> Resource:
    kind = resource["resourceType"]
    changed = {**resource, "meta": _relabelled(resource["meta"], look.labels)}
    changed["text"] = worded([said(changed, verdict.corrections)]) if verdict.corrections else reviewed_words(resource)
    if kind in FINAL and changed[FINAL[kind]] == "preliminary":
        changed[FINAL[kind]] = "final"
    if kind in VERIFIED and _code(changed.get("verificationStatus")) == "unconfirmed":
        changed["verificationStatus"] = _verified(kind, "confirmed")
    if kind == "Composition":
        time = _at(look.last)
        changed |= {"title": TITLE, "attester": [{"mode": "professional", "time": time, "party": _who(look.last)}]}
    return changed


def _rejected(resource: Resource) -> Resource:
    """In error, as far as its type can say so; the AI label stays, since nobody else stands for it."""
    kind = resource["resourceType"]
    if kind in WITH_STATUS:
        return {**resource, "status": "entered-in-error", "text": struck_out(resource)}
    if kind not in VERIFIED:
        return resource
    rest = {name: each for name, each in resource.items() if name != "clinicalStatus"}  # con-5 and ait-2
    return {**rest, "verificationStatus": _verified(kind, "entered-in-error"), "text": struck_out(resource)}


def _family(resource: Resource, within: Mapping[int, Verdict], verdict: Verdict | None, look: _Reviewed) -> Resource:
    """A relative's history after what was said of single conditions in it."""
    kept = []
    for number, each in enumerate(resource["condition"]):
        own = within.get(number)
        for by in own.corrections if own else ():
            each = {**each, "code": concept(each["code"], by.text, by.codes)}
        if own is None or not own.rejected:
            kept.append(each)
    if not kept:
        return _rejected(resource)
    relation = resource["relationship"].get("text", "")
    words = f"{relation}: {', '.join(each['code'].get('text', '') for each in kept)} (reviewed in part)"
    changed = {**resource, "condition": kept, "text": worded([words])}
    everything = verdict is not None or len(within) == len(resource["condition"])
    return {**changed, "meta": _relabelled(resource["meta"], look.labels)} if everything else changed


def _gathered(resource: Resource, gone: set[str], anew: Retold | None) -> Resource:
    """What refers to others or speaks of them, without those that are in error."""
    kind = resource["resourceType"]
    stands = not _in_error(resource)
    if kind == "CarePlan" and anew and stands:
        return anew.plan(resource)
    if kind == "ClinicalImpression":
        resource = anew.impression(resource) if anew and stands else resource
        return _left_out(resource, "finding", lambda each: each.get("itemReference", {}), gone)
    if kind == "DetectedIssue":
        return _left_out(resource, "implicated", lambda each: each, gone)
    return resource


def _document(resource: Resource, by_url: Mapping[str, Resource], gone: set[str], anew: Retold | None) -> Resource:
    """The Composition with the resources' new words, without those that are in error."""
    if resource["resourceType"] != "Composition":
        return resource
    sections = [_section(each, by_url, gone, anew) for each in resource.get("section", [])]
    kept = [each for each in sections if each.get("text") or each.get("entry")]
    told = {name: each for name, each in {**resource, "section": kept}.items() if each != []}
    return anew.with_evidence(told) if anew else told


def _section(section: Resource, by_url: Mapping[str, Resource], gone: set[str], anew: Retold | None) -> Resource:
    if "entry" not in section:
        return anew.section(section) if anew and is_summary(section) else section
    entries = [each for each in section["entry"] if each["reference"] not in gone]
    if not entries:
        return {}
    words = "".join(inner(by_url[each["reference"]]) for each in entries)
    return {**section, "text": worded([], words), "entry": entries}


def _left_out(resource: Resource, name: str, target: Any, gone: set[str]) -> Resource:
    kept = [each for each in resource.get(name, []) if target(each).get("reference") not in gone]
    return {field: each for field, each in {**resource, name: kept}.items() if each != []}


def _record(stored: Stored, bundle: Resource, at: Mapping[str, str], look: _Reviewed) -> Iterator[Resource]:
    """Who reviewed what and when, as a Provenance of its own; none where the review touched nothing of the Bundle."""
    named = {place.partition("#")[0] for place in dict(touched(stored, at))}
    whole = not (stored.review.facts or stored.review.corrections)
    targets = [
        each["fullUrl"]
        for each in bundle["entry"]
        if _is_labelled(each["resource"])
        and each["resource"]["resourceType"] != "Provenance"
        and (whole or each["fullUrl"] in named)
    ]
    if not targets:
        return
    words = {"confirm": "Confirmed", "correct": "Corrected", "reject": "Rejected"}[stored.review.action]
    resource = {
        "resourceType": "Provenance",
        "meta": {"security": list(look.labels), "tag": [{"system": REVIEW_ID, "code": stored.id}]},
        "text": worded([f"{words} by a reviewer"]),
        "target": [{"reference": each} for each in targets],
        "occurredDateTime": _at(stored),
        "recorded": _at(stored),
        "activity": _coded("v3-DataOperation", "UPDATE", "revise"),
        "agent": [{"type": _coded("provenance-participant-type", "verifier", "Verifier"), "who": _who(stored)}],
    }
    search = f"_tag={REVIEW_ID}|{stored.id}"
    request = {"method": "POST", "url": "Provenance", "ifNoneExist": search}
    yield {"fullUrl": f"urn:uuid:{uuid5(_SPACE, stored.id)}", "resource": resource, "request": request}


def _labels_of_all(meta: Resource, entries: Sequence[Resource], labels: Sequence[Mapping[str, str]]) -> Resource:
    """The Bundle bears the AI label as long as anything in it does, and the reviewers' once anything does."""
    borne = [label for each in entries for label in each["resource"].get("meta", {}).get("security", [])]
    found = [each for each in (*meta["security"], *labels) if any(_same(each, other) for other in borne)]
    return {**meta, "security": found}


def _relabelled(meta: Resource, labels: Sequence[Mapping[str, str]]) -> Resource:
    return {**meta, "security": [*labels, *(each for each in meta["security"] if not _same(each, AI))]}


def _is_labelled(resource: Resource) -> bool:
    return any(_same(each, AI) for each in resource.get("meta", {}).get("security", []))


def _in_error(resource: Resource) -> bool:
    return "entered-in-error" in {resource.get("status"), _code(resource.get("verificationStatus"))}


def _same(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return (one["system"], one["code"]) == (other["system"], other["code"])


def _verified(kind: str, code: str) -> Resource:
    system = "condition-ver-status" if kind == "Condition" else "allergyintolerance-verification"
    return _coded(system, code, "Confirmed" if code == "confirmed" else "Entered in Error")


def _coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": f"{HL7}{system}", "code": code, "display": display}], "text": display}


def _who(stored: Stored) -> Resource:
    return {"identifier": {"system": ACCOUNT, "value": stored.reviewer}, "display": "Reviewer"}


def _at(stored: Stored) -> str:
    return datetime.fromtimestamp(int(stored.created_at), UTC).isoformat()


def _code(concept: Resource | None) -> str | None:
    return next((each["code"] for each in (concept or {}).get("coding", [])), None)
