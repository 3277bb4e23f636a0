"""What a clinician may say of a result: that it is right, that facts of it are wrong, or how they should read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from shared.job import Frozen
from shared.terminologies import is_code
from shared.units import VITAL_UNITS, ucum

MOST = 1_000  # facts a review
Id = Annotated[str, Field(min_length=1, max_length=40)]
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]|[^\S ]")


def _plain(words: str) -> str:
    """As a FHIR string on one line; what it cannot hold is a space."""
    plain = _ODD.sub(" ", words).strip()
    if not plain:
        raise ValueError("words are expected here")
    return plain


Words = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_plain)]
Measured = Annotated[str, Field(pattern=r"^\d{1,3}(\.\d{1,2})?$")]

_NAMED = frozenset({"text", "codes"})
FIELDS = {
    "condition": _NAMED | {"assertion", "temporality", "severity", "laterality", "duration"},
    "symptom": _NAMED | {"assertion", "severity", "laterality", "duration"},
    "medication": _NAMED | {"assertion", "dose", "unit", "route", "frequency", "duration", "status"},
    "allergy": _NAMED | {"assertion", "reaction", "severity"},
    "vital": _NAMED | {"value", "unit"},
    "procedure": _NAMED | {"assertion", "laterality"},
    "social": _NAMED | {"assertion"},
}
"""What can be corrected of a fact of each kind."""
PRESSURES = frozenset({"systolic", "diastolic"})
"""The same for a blood pressure."""
OF_FAMILY = _NAMED
"""The same for what a relative has."""


class Coded(Frozen):
    """A code of one of the terminologies that clinq codes with."""

    system: Words
    code: Words
    display: Words | None = None

    @model_validator(mode="after")
    def _refuse_what_is_no_code(self) -> Coded:
        if not is_code(self.system, self.code):
            raise ValueError("a code is of ICD-10-CM, HPO, RxNorm or LOINC, and of its form")
        return self


class Correction(Frozen):
    """How one fact should read; what is not given stays as it is."""

    fact_id: Id
    text: Words | None = Field(None, description="what it is, in words")
    codes: tuple[Coded, ...] | None = Field(None, max_length=10, description="the codes for it; [] for none")
    assertion: Literal["present", "absent", "possible"] | None = None
    temporality: Literal["current", "past"] | None = None
    value: Words | None = Field(None, description="a measured value, with its digits as they should stand")
    unit: Words | None = None
    systolic: Measured | None = None
    diastolic: Measured | None = None
    dose: Words | None = None
    route: Words | None = None
    frequency: Words | None = None
    duration: Words | None = None
    severity: Words | None = None
    laterality: Words | None = None
    reaction: Words | None = None
    status: Literal["active", "on-hold", "stopped", "completed", "not-taken"] | None = Field(
        None, description="of a medication"
    )

    @property
    def given(self) -> dict[str, object]:
        """What is corrected, by field, in the order above."""
        fields = type(self).model_fields
        held = {name: getattr(self, name) for name in fields if name != "fact_id"}
        return {name: value for name, value in held.items() if value is not None}

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Correction:
        if not self.given:
            raise ValueError("a correction says what should stand there")
        return self


class Review(Frozen):
    """One statement about a result."""

    action: Literal["confirm", "correct", "reject"]
    facts: Annotated[tuple[Id, ...], Field(max_length=MOST)] = Field(
        (), description="only these are confirmed or rejected; the whole result when absent"
    )
    corrections: Annotated[tuple[Correction, ...], Field(max_length=MOST)] = ()
    note: Annotated[str, Field(min_length=1, max_length=4_000)] | None = None

    @model_validator(mode="after")
    def _refuse_what_does_not_fit(self) -> Review:
        if (self.action == "correct") != bool(self.corrections):
            raise ValueError("corrections belong to the action correct, and it has at least one")
        if self.facts and self.corrections:
            raise ValueError("a correction names its fact itself: leave facts out")
        return self


def misfit(correction: Correction, fact: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first field that does not fit this fact of the result, and why; None where all fit."""
    allowed = _fields(fact)
    for name in correction.given:
        if name not in allowed:
            return name, f"this fact has no such field: it has {', '.join(sorted(allowed))}"
    if correction.unit is not None and fact["kind"] == "vital" and correction.codes is None:
        units = [VITAL_UNITS[each["code"]] for each in fact.get("codes", []) if each["code"] in VITAL_UNITS]
        if units and ucum(correction.unit) not in units[0]:
            return "unit", f"this vital sign is measured in: {', '.join(sorted(units[0]))}"
    return None


def _fields(fact: Mapping[str, Any]) -> frozenset[str]:
    """What can be corrected of this fact; of a blood pressure the halves that were stated."""
    if fact["experiencer"] == "family":
        return OF_FAMILY
    halves = PRESSURES & fact.get("attrs", {}).keys()
    return _NAMED | halves if halves else FIELDS.get(fact["kind"], _NAMED)
