"""Whether a bundle may leave: FHIR's structure first, then every rule that the models of fhir.resources do not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

from worker.fhir.check_bundle import of_bundle, resource_types
from worker.fhir.check_codes import of_codes
from worker.fhir.check_narrative import of_narratives
from worker.fhir.check_rules import of_rules
from worker.fhir.check_source import of_source
from worker.fhir.check_tree import Tree, of_fields, of_json, tree
from worker.fhir.elements import Element
from worker.fhir.problem import Problem

CHECKS: tuple[Callable[[Tree], Iterator[Problem]], ...] = (
    of_bundle,
    of_fields,
    of_codes,
    of_rules,
    of_narratives,
    of_source,
)


def problems(bundle: Element, licensed: frozenset[str] = frozenset()) -> list[Problem]:
    """All that is wrong with a bundle of plain dictionaries; an empty list where it may be sent.

    `licensed` are code systems that its operator may use besides those that all may.

    What is broken in its structure is not looked at any further. No message holds content.
    """
    broken = [*resource_types(bundle)] or [*of_json(bundle)]
    if broken:
        return broken
    try:
        read = Bundle.model_validate(bundle)
    except ValidationError as error:
        return [_structure(each["loc"], each["type"]) for each in error.errors(include_input=False, include_url=False)]
    walked = tree(read, licensed)
    return [problem for check in CHECKS for problem in check(walked)]


def _structure(place: tuple[int | str, ...], kind: str) -> Problem:
    path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place)
    return Problem("structure", f"Bundle{path}", f"not FHIR R4: {kind}")
