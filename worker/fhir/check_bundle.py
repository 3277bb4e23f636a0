"""The bundle as a whole: its type, its entries, their requests, and that every reference finds its target."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from fhir.resources.R4B.bundle import Bundle, BundleEntry
from fhir.resources.R4B.reference import Reference

from worker.fhir.check_tree import Tree
from worker.fhir.elements import Element
from worker.fhir.problem import Problem

SENT = frozenset({
    "Patient", "Encounter", "DocumentReference", "Organization", "Device", "Condition", "Observation",
    "MedicationStatement", "MedicationRequest", "AllergyIntolerance", "FamilyMemberHistory", "Procedure",
    "ClinicalImpression", "DetectedIssue", "CarePlan", "Composition", "Provenance",
})  # fmt: skip
"""The resource types that clinq sends."""
TYPES = frozenset({"transaction", "collection", "document"})
_URN = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LITERAL = re.compile(r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9\-.]{1,64}")
_SEARCH = re.compile(r"(?:_tag|identifier)=[^\s|&?#<>\"]+\|[^\s|&?#<>\"]+")


def resource_types(bundle: Element) -> Iterator[Problem]:
    """Resources of a type that clinq does not send; they cannot be read as a model."""
    if bundle.get("resourceType") != "Bundle":
        yield Problem("structure", "Bundle.resourceType", "must be Bundle")
    entries = bundle.get("entry")
    for number, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
        resource = entry.get("resource") if isinstance(entry, Mapping) else None
        kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
        if kind not in SENT:
            yield Problem("structure", f"Bundle.entry[{number}].resource", "no resource of a type that clinq sends")


def of_bundle(tree: Tree) -> Iterator[Problem]:
    """bdl-1 to bdl-12 as far as they touch what clinq sends, and the references."""
    bundle = tree.bundle
    yield from _kind(bundle)
    entries = bundle.entry or []
    for number, entry in enumerate(entries):
        yield from _entry(bundle, entry, f"Bundle.entry[{number}]")
    yield from _twice([each.fullUrl for each in entries], "bdl-7", "two entries have the same fullUrl")
    searches = [each.request.ifNoneExist for each in entries if each.request]
    yield from _twice(searches, "request", "two entries would find each other as already there")
    yield from _references(tree)


def _kind(bundle: Bundle) -> Iterator[Problem]:
    if bundle.type not in TYPES:
        yield Problem("bdl-3", "Bundle.type", f"must be one of {', '.join(sorted(TYPES))}")
    if bundle.total is not None:
        yield Problem("bdl-1", "Bundle.total", "only a search or a history has a total")
    if not bundle.entry:
        yield Problem("bundle", "Bundle.entry", "a bundle without entries says nothing")
    if bundle.timestamp is None:
        yield Problem("bdl-10", "Bundle.timestamp", "needed")
    if bundle.identifier is None or not (bundle.identifier.system and bundle.identifier.value):
        yield Problem("bdl-9", "Bundle.identifier", "needs a system and a value")
    first = bundle.entry[0].resource if bundle.entry else None
    if bundle.type == "document" and (first is None or first.get_resource_type() != "Composition"):
        yield Problem("bdl-11", "Bundle.entry[0]", "a document begins with its Composition")


def _entry(bundle: Bundle, entry: BundleEntry, path: str) -> Iterator[Problem]:
    if entry.search is not None:
        yield Problem("bdl-2", f"{path}.search", "only in a search set")
    if entry.response is not None:
        yield Problem("bdl-4", f"{path}.response", "only in a response")
    if not _URN.fullmatch(entry.fullUrl or ""):
        yield Problem("full-url", f"{path}.fullUrl", "must be urn:uuid: and a UUID in small letters")
    if bundle.type == "transaction":
        yield from _request(entry, path)
    elif entry.request is not None:
        yield Problem("bdl-3", f"{path}.request", "only in a transaction")


def _request(entry: BundleEntry, path: str) -> Iterator[Problem]:
    """A create that a second submission does not repeat; never an update, which could undo a clinician's work."""
    request = entry.request
    if request is None:
        yield Problem("bdl-3", f"{path}.request", "an entry of a transaction needs one")
        return
    if request.method != "POST":
        yield Problem("request", f"{path}.request.method", "must be POST")
    if entry.resource is not None and request.url != entry.resource.get_resource_type():
        yield Problem("request", f"{path}.request.url", "must be the type of the resource")
    if not _SEARCH.fullmatch(unquote_marks(request.ifNoneExist)):
        yield Problem("request", f"{path}.request.ifNoneExist", "must search one token by _tag or identifier")


def unquote_marks(search: str | None) -> str:
    """The search with FHIR's own escaped marks taken out, so that only the mark between system and value is left."""
    return re.sub(r"%5C(?:%7C|%2C|%24|%5C)", "_", search or "") if unquote(search or "") else ""


def _twice(values: list[str | None], rule: str, message: str) -> Iterator[Problem]:
    if any(count > 1 for each, count in Counter(values).items() if each is not None):
        yield Problem(rule, "Bundle.entry", message)


def _references(tree: Tree) -> Iterator[Problem]:
    for path, node in tree.nodes:
        if not isinstance(node, Reference):
            continue
        if node.reference is None:
            if node.identifier is None:
                yield Problem("reference", path, "names nothing")
        elif node.reference.startswith("urn:"):
            if tree.target(node.reference) is None:
                yield Problem("reference", path, "points at no entry of the bundle")
        elif not _LITERAL.fullmatch(node.reference):
            yield Problem("reference", path, "must be urn:uuid: of an entry, or Type/id on the receiving server")
