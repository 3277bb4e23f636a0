"""What software asserts: labelled as such, and its evidence points into the source that the bundle carries."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from fhir.resources.R4B.attachment import Attachment
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.domainresource import DomainResource
from fhir.resources.R4B.extension import Extension

from worker.fhir.check_bundle import SENT
from worker.fhir.check_tree import Tree
from worker.fhir.codes import AI_REVIEWED, OBSERVATION_VALUE
from worker.fhir.evidence import DERIVATION
from worker.fhir.problem import Problem

GIVEN = frozenset({"Patient", "Encounter", "DocumentReference", "Organization", "Device"})
"""Types that the caller or the operator states; all others are asserted by software."""
JUDGED = frozenset({"ClinicalImpression", "DetectedIssue", "CarePlan", "Composition", "Provenance"})
LABELS = frozenset({OBSERVATION_VALUE, AI_REVIEWED})
"""Systems of the labels that say who asserted a resource: software, or somebody who reviewed what it said."""
FACTS = SENT - GIVEN - JUDGED
"""Types that say what the note says; each must show where."""


def of_source(tree: Tree) -> Iterator[Problem]:
    """Labels, evidence and the integrity of attachments."""
    texts = {}
    for number, entry in enumerate(tree.bundle.entry or []):
        path, resource = f"Bundle.entry[{number}].resource", entry.resource
        if isinstance(resource, DocumentReference):
            for each in resource.content:
                yield from _attachment(each.attachment, f"{path}.content.attachment")
            texts[entry.fullUrl] = _text(resource.content[0].attachment)
        if isinstance(resource, DomainResource):
            yield from _labelled(resource, path)
    for path, node in tree.nodes:
        if isinstance(node, Extension) and node.url == DERIVATION:
            yield from _evidence(node, texts, path)


def _labelled(resource: DomainResource, path: str) -> Iterator[Problem]:
    kind = resource.get_resource_type()
    labels = resource.meta.security or [] if resource.meta else []
    if kind not in GIVEN and not any(each.system in LABELS for each in labels):
        yield Problem("ai-label", f"{path}.meta.security", "what software asserts is labelled")
    if kind in FACTS and not any(each.url == DERIVATION for each in resource.extension or []):
        yield Problem("evidence", f"{path}.extension", "a fact shows where the source says it")


def _attachment(attachment: Attachment, path: str) -> Iterator[Problem]:
    content = _content(attachment)
    if content is None:
        return
    if attachment.size is not None and attachment.size != len(content):
        yield Problem("attachment", f"{path}.size", "must be the number of bytes")
    if attachment.hash is not None and attachment.hash != hashlib.sha1(content, usedforsecurity=False).digest():
        yield Problem("attachment", f"{path}.hash", "must be the SHA-1 of the bytes")


def _evidence(extension: Extension, texts: dict[str | None, str | None], path: str) -> Iterator[Problem]:
    parts = {each.url: each for each in extension.extension or []}
    source = parts["reference"].valueReference if "reference" in parts else None
    text = texts.get(source.reference) if source else None
    if text is None:
        yield Problem("evidence", path, "must point at a text that the bundle carries")
        return
    offset = parts["offset"].valueInteger if "offset" in parts else None
    length = parts["length"].valueInteger if "length" in parts else None
    if offset is None or length is None or offset < 0 or length < 1 or offset + length > len(text):
        yield Problem("evidence", path, "must select words within the text")


def _text(attachment: Attachment) -> str | None:
    content = _content(attachment)
    return content.decode("utf-8", "replace") if content is not None else None


def _content(attachment: Attachment) -> bytes | None:
    """The bytes, which the model has decoded from base64."""
    data: object = attachment.data
    return data if isinstance(data, bytes) else None
