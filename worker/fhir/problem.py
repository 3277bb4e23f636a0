"""What is wrong with a bundle, and the OperationOutcome that says so without a word of the note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.fhir.elements import Value, element

MOST = 50
"""Problems that one OperationOutcome lists; one broken rule may be broken in every resource."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that a bundle breaks, and where."""

    rule: str
    """The rule's name: an invariant of FHIR R4 (con-5) or one of ours (code-system)."""
    path: str
    """FHIRPath-like, e.g. Bundle.entry[3].resource.code; holds no content."""
    message: str
    """What the rule asks for; holds no content."""


def outcome(problems: Sequence[Problem]) -> dict[str, Value]:
    """An OperationOutcome that names each broken rule; without problems it says that all is well."""
    issues = [
        element(
            severity="error",
            code="structure" if each.rule == "structure" else "invariant",
            diagnostics=f"{each.rule}: {each.message}",
            expression=[each.path] if each.path else None,
        )
        for each in problems[:MOST]
    ]
    if len(problems) > MOST:
        left = f"{len(problems) - MOST} more problems are not listed"
        issues.append({"severity": "error", "code": "invariant", "diagnostics": left})
    well: dict[str, Value] = {"severity": "information", "code": "informational", "diagnostics": "All checks passed"}
    return {"resourceType": "OperationOutcome", "issue": issues or [well]}
