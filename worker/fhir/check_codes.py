"""Codes and units: of an allowed system, of the right form, and of the required value set where FHIR names one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fhir.resources.R4B.age import Age
from fhir.resources.R4B.codeableconcept import CodeableConcept
from fhir.resources.R4B.coding import Coding
from fhir.resources.R4B.quantity import Quantity
from pydantic import BaseModel

from shared.terminologies import LICENSED
from shared.units import UCUM_UNITS
from worker.fhir.check_tree import Tree
from worker.fhir.codes import SYSTEMS, UCUM, hl7, is_code
from worker.fhir.problem import Problem

REQUIRED = {
    "Condition": {
        "clinicalStatus": (
            hl7("condition-clinical"),
            {"active", "recurrence", "relapse", "inactive", "remission", "resolved"},
        ),
        "verificationStatus": (
            hl7("condition-ver-status"),
            {"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"},
        ),
    },
    "AllergyIntolerance": {
        "clinicalStatus": (hl7("allergyintolerance-clinical"), {"active", "inactive", "resolved"}),
        "verificationStatus": (
            hl7("allergyintolerance-verification"),
            {"unconfirmed", "confirmed", "refuted", "entered-in-error"},
        ),
    },
}
"""CodeableConcepts with a required binding (R4 4.0.1): the system, and the codes of its value set."""
CATEGORIES = {
    hl7("observation-category"): {
        "social-history", "vital-signs", "imaging", "laboratory", "procedure", "survey", "exam", "therapy", "activity",
    },
    hl7("condition-category"): {"problem-list-item", "encounter-diagnosis"},
    hl7("v3-ActCode"): {"AMB", "IMP", "EMER", "VR"},
}  # fmt: skip
"""Systems of which clinq sends these codes only."""


def of_codes(tree: Tree) -> Iterator[Problem]:
    """All codes and units of a bundle."""
    systems = {**SYSTEMS, **{name: form for name, form in LICENSED.items() if name in tree.licensed}}
    for path, node in tree.nodes:
        if isinstance(node, Coding):
            yield from _coding(node, systems, path)
        elif isinstance(node, Quantity):
            yield from _quantity(node, path)
        elif isinstance(node, CodeableConcept) and not (node.coding or node.text):
            yield Problem("concept", path, "needs words or a code")
        yield from _bindings(node, path)


def _coding(coding: Coding, systems: Mapping[str, re.Pattern[str]], path: str) -> Iterator[Problem]:
    if coding.system is None or coding.system not in systems:
        yield Problem("code-system", f"{path}.system", "is not on the list of systems that may leave")
    elif not is_code(coding.system, coding.code or "", systems):
        yield Problem("code-form", f"{path}.code", "has not the form of its system's codes")
    elif coding.code not in CATEGORIES.get(coding.system, {coding.code}):
        yield Problem("code-binding", f"{path}.code", "is not one that clinq sends of this system")


def _quantity(quantity: Quantity, path: str) -> Iterator[Problem]:
    if quantity.value is None:
        yield Problem("quantity", path, "needs a value")
    elif not quantity.value.is_finite():
        yield Problem("quantity", f"{path}.value", "must be a number")
    if quantity.code is not None and quantity.system is None:
        yield Problem("qty-3", path, "a code needs its system")
    if quantity.system is not None and quantity.system != UCUM:
        yield Problem("ucum", f"{path}.system", "units are UCUM's")
    if (quantity.code is not None or quantity.system is not None) and quantity.code not in UCUM_UNITS:
        yield Problem("ucum", f"{path}.code", "is not a UCUM unit that clinq sends")
    if isinstance(quantity, Age) and (quantity.code not in {"a", "mo", "wk", "d"} or (quantity.value or 1) < 0):
        yield Problem("age-1", path, "an age is positive and in a, mo, wk or d")


def _bindings(node: BaseModel, path: str) -> Iterator[Problem]:
    for name, (system, codes) in REQUIRED.get(type(node).__name__, {}).items():
        concept = getattr(node, name)
        if concept is None:
            continue
        given = [(each.system, each.code) for each in concept.coding or []]
        if not any(each == system and code in codes for each, code in given):
            yield Problem("code-binding", f"{path}.{name}", "needs a code of its required value set")
        if any(each == system and code not in codes for each, code in given):
            yield Problem("code-binding", f"{path}.{name}", "has a code that is not of its value set")
