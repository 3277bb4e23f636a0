"""A finished job as the gateway has it: the bundle as JSON, and the facts of its result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import fhir_json
from shared.case import Case
from shared.job import JobRequest
from shared.result import result
from shared.review.applied import applied
from shared.review.asked import Review
from shared.review.records import Stored
from worker.fhir.bundle import built
from worker.fhir.elements import write
from worker.fhir.operator import Operator

LABEL = {"system": "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AddedProvenanceCS", "code": "CLINAST_AIRPT"}
AT = 1_774_000_000.0  # 20 March 2026


@dataclass(frozen=True)
class Finished:
    """What the rows of a completed job hold."""

    written: str
    result: dict[str, Any]

    @property
    def bundle(self) -> dict[str, Any]:
        return fhir_json.read(self.written)

    @property
    def facts(self) -> list[dict[str, Any]]:
        return list(self.result["facts"])

    def fact(self, kind: str, text: str) -> str:
        """The id of the fact of that kind and text."""
        (found,) = [each["id"] for each in self.facts if (each["kind"], each["text"]) == (kind, text)]
        return str(found)

    def after(self, *said: dict[str, Any]) -> dict[str, Any]:
        """The bundle after these reviews."""
        return applied(self.bundle, self.result, reviews(said), [LABEL])


def reviews(said: Sequence[dict[str, Any]]) -> list[Stored]:
    """Reviews as the table keeps them, oldest first."""
    return [
        Stored(f"r{number}", "user:ada", AT + number, Review.model_validate(each)) for number, each in enumerate(said)
    ]


def finished(case: Case, operator: Operator | None = None) -> Finished:
    """The case at the end of its job."""
    made = built(case, operator or Operator())
    document = result(replace(case, resources=made.places), JobRequest(text=case.text))
    return Finished(write(made.bundle), json.loads(document))
