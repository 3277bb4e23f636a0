"""The invariants of FHIR R4 and US Core that touch what clinq sends, under the names that the standards give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from fhir.resources.R4B.allergyintolerance import AllergyIntolerance
from fhir.resources.R4B.attachment import Attachment
from fhir.resources.R4B.careplan import CarePlanActivity
from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir.resources.R4B.composition import CompositionSection
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.domainresource import DomainResource
from fhir.resources.R4B.extension import Extension
from fhir.resources.R4B.familymemberhistory import FamilyMemberHistory
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.period import Period
from fhir.resources.R4B.provenance import ProvenanceAgent
from fhir.resources.R4B.timing import TimingRepeat

from worker.fhir.check_tree import Tree
from worker.fhir.problem import Problem

_MEDIA_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9.+-]*(?:; ?[a-z]+=[A-Za-z0-9-]+)*")
Found = Iterator[tuple[str, str]]


def of_rules(tree: Tree) -> Iterator[Problem]:
    """The invariants of every element of a bundle."""
    for path, node in tree.nodes:
        rule = RULES.get(type(node))
        for name, message in rule(node) if rule else ():
            yield Problem(name, path, message)
        if isinstance(node, DomainResource) and node.text is None:
            yield Problem("dom-6", path, "a resource has a narrative")
        if isinstance(node, ProvenanceAgent) and _is_device(node, tree) and node.onBehalfOf is None:
            yield Problem("provenance-1", path, "a device acts on behalf of somebody")


def _condition(it: Condition) -> Found:
    verification, clinical = _codes(it.verificationStatus), _codes(it.clinicalStatus)
    abated = any(
        getattr(it, f"abatement{kind}") is not None for kind in ("DateTime", "Age", "Period", "Range", "String")
    )
    listed = any("problem-list-item" in _codes(each) for each in it.category or [])
    if listed and not clinical and "entered-in-error" not in verification:
        yield "con-3", "a problem list item has a clinicalStatus"
    if abated and not clinical & {"inactive", "resolved", "remission"}:
        yield "con-4", "what has abated is inactive, resolved or in remission"
    if clinical and "entered-in-error" in verification:
        yield "con-5", "an error has no clinicalStatus"
    if clinical and "refuted" in verification:
        yield "refuted", "what is refuted has no clinicalStatus"


def _allergy(it: AllergyIntolerance) -> Found:
    mistaken, clinical = "entered-in-error" in _codes(it.verificationStatus), _codes(it.clinicalStatus)
    if not clinical and not mistaken:
        yield "ait-1", "an allergy has a clinicalStatus"
    if clinical and mistaken:
        yield "ait-2", "an error has no clinicalStatus"


def _observation(it: Observation) -> Found:
    valued = any(each is not None and name.startswith("value") for name, each in vars(it).items())
    if it.dataAbsentReason is not None and valued:
        yield "obs-6", "a reason why data is absent stands only without a value"
    own = {(each.system, each.code) for each in it.code.coding or []}
    parts = {(each.system, each.code) for part in it.component or [] for each in part.code.coding or []}
    if valued and own & parts:
        yield "obs-7", "a component with the Observation's own code stands only without a value"
    if not (valued or it.component or it.dataAbsentReason):
        yield "observation", "needs a value, components or a reason why there is none"


def _extension(it: Extension) -> Found:
    valued = any(each is not None and name.startswith("value") for name, each in vars(it).items())
    if valued == bool(it.extension):
        yield "ext-1", "has either a value or extensions"
    parts = {each.url for each in it.extension or []}
    if "length" in parts and "offset" not in parts:
        yield "der-1", "a length needs its offset"


def _section(it: CompositionSection) -> Found:
    if not (it.text or it.entry or it.section):
        yield "cmp-1", "a section has text, entries or sections"
    if it.emptyReason and it.entry:
        yield "cmp-2", "a reason why it is empty stands only without entries"


def _relative(it: FamilyMemberHistory) -> Found:
    aged = any((it.ageAge, it.ageRange, it.ageString))
    if aged and any((it.bornPeriod, it.bornDate, it.bornString)):
        yield "fhs-1", "has either an age or a birth"
    if it.estimatedAge is not None and not aged:
        yield "fhs-2", "an estimated age needs an age"


def _period(it: Period) -> Found:
    if isinstance(it.start, datetime) and isinstance(it.end, datetime) and it.start > it.end:
        yield "per-1", "starts before it ends"


def _attachment(it: Attachment) -> Found:
    if it.data is not None and it.contentType is None:
        yield "att-1", "data needs its contentType"
    if it.contentType is not None and _MEDIA_TYPE.fullmatch(it.contentType) is None:
        yield "code-binding", "the contentType must be a media type (BCP 13)"


def _organization(it: Organization) -> Found:
    if not (it.identifier or it.name):
        yield "org-1", "has a name or an identifier"


def _activity(it: CarePlanActivity) -> Found:
    if it.detail is not None and it.reference is not None:
        yield "cpl-3", "has either a detail or a reference"


def _repeat(it: TimingRepeat) -> Found:
    if it.duration is not None and it.durationUnit is None:
        yield "tim-1", "a duration needs its unit"
    if it.period is not None and it.periodUnit is None:
        yield "tim-2", "a period needs its unit"
    if (it.period or 0) < 0:
        yield "tim-5", "a period is not negative"
    if (it.duration or 0) < 0:
        yield "tim-4", "a duration is not negative"
    if it.offset is not None and not it.when:
        yield "tim-9", "an offset needs an event"
    if it.when and it.timeOfDay:
        yield "tim-10", "either an event or a time of day"


RULES: dict[type, Callable[[Any], Found]] = {
    Condition: _condition,
    AllergyIntolerance: _allergy,
    Observation: _observation,
    Extension: _extension,
    CompositionSection: _section,
    FamilyMemberHistory: _relative,
    Period: _period,
    Attachment: _attachment,
    Organization: _organization,
    CarePlanActivity: _activity,
    TimingRepeat: _repeat,
}
"""Who checks what; each is called with its own type only, which mypy cannot follow through a dictionary."""


def _codes(concept: CodeableConcept | None) -> set[str]:
    return {each.code for each in concept.coding or [] if each.code} if concept else set()


def _is_device(agent: ProvenanceAgent, tree: Tree) -> bool:
    reference = agent.who.reference
    return reference is not None and tree.target(reference) == "Device"
