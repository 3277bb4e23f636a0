"""Who runs this clinq, and what they have chosen about the Bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.case import Code
from shared.terminologies import SNOMED


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs this clinq and answers for what it writes."""

    name: str = "Operator of this clinq service"
    system: str = "urn:clinq:operator"
    identifier: str = "default"
    medication: Literal["statement", "request"] = "statement"
    """What a medication becomes: a MedicationStatement, or a MedicationRequest, which US Core wants."""
    snomed: Mapping[str, Code] = field(default_factory=dict)
    """Their SNOMED CT codes by the name of what is meant, where they are licensed to use them."""

    @property
    def licensed(self) -> frozenset[str]:
        """Code systems that may leave besides those that all may use."""
        return frozenset({SNOMED}) if self.snomed else frozenset()
