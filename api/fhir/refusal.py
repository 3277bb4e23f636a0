"""What is wrong with a FHIR request, by the FHIRPath of the element, in words of which none came with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from api.errors import ERRORS_SHOWN, FieldProblem, ProblemError, sentence

EXPECTED = "Send a Parameters, DocumentReference or Bundle resource."
NO_RESOURCE = frozenset({"union_tag_invalid", "union_tag_not_found", "model_type", "model_attributes_type"})
_UNION_TAGS = frozenset({"Patient", "Encounter", "Binary", "DocumentReference", "Other"})


def wrong(expression: str, detail: str, *, code: str = "invalid") -> ProblemError:
    """One element does not hold what it should."""
    said = f"{detail[:1].upper()}{detail[1:]}."
    return ProblemError(422, code, said, errors=[FieldProblem(pointer=expression, detail=detail)])


def unreadable(error: ValidationError) -> ProblemError:
    """The body is no resource that $extract takes."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = found[0]
    if first["type"] == "json_invalid":
        return ProblemError(400, "bad_json", "The body is not valid JSON.")
    if not first["loc"] and first["type"] in NO_RESOURCE:
        return ProblemError(422, "invalid", EXPECTED)
    errors = [FieldProblem(pointer=_path(each["loc"]), detail=_said(each)) for each in found[:ERRORS_SHOWN]]
    return ProblemError(422, "invalid", "The resource does not hold what it should: see the issues.", errors=errors)


def _path(loc: Sequence[int | str]) -> str:
    """The FHIRPath: names of our records only, because what they do not name is not read."""
    path = ""
    for number, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part}]"
        elif number == 0 or part not in _UNION_TAGS:
            path += f".{part}" if path else part
    return path


def _said(error: Mapping[str, Any]) -> str:
    return sentence(str(error["type"]), str(error["msg"]))
