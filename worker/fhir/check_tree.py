"""The parsed bundle as a tree of elements; what holds of every field: not empty, a code of its list, a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeAlias

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.reference import Reference
from pydantic import BaseModel

from worker.fhir.elements import Value
from worker.fhir.problem import Problem

Node: TypeAlias = tuple[str, BaseModel]

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
LONGER_LISTS = {
    ("Encounter", "status"): "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    ("Observation", "status"): "registered preliminary final amended corrected cancelled entered-in-error unknown",
    ("DetectedIssue", "status"): "registered preliminary final amended corrected cancelled entered-in-error unknown",
}
"""Required value sets that the models of fhir.resources cut short with a plus sign."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A bundle that was read as a model, and all that is in it, walked once for every check."""

    bundle: Bundle
    nodes: tuple[Node, ...]
    """Every element with its path."""
    kinds: dict[str, str]
    """The resource type of each entry, by its fullUrl."""
    licensed: frozenset[str] = frozenset()
    """Code systems that may leave besides those that all may use."""

    def target(self, reference: str) -> str | None:
        """The type of the resource that a reference points at: an entry's, or what a literal Type/id says."""
        return self.kinds.get(reference) if reference.startswith("urn:uuid:") else reference.split("/")[0]


def tree(bundle: Bundle, licensed: frozenset[str] = frozenset()) -> Tree:
    """Walk the bundle."""
    entries = bundle.entry or []
    kinds = {each.fullUrl: each.resource.get_resource_type() for each in entries if each.resource and each.fullUrl}
    return Tree(bundle, tuple(_nodes(bundle, "Bundle")), kinds, licensed)


def _nodes(model: BaseModel, path: str) -> Iterator[Node]:
    yield path, model
    for name, value in vars(model).items():
        if value is None or isinstance(value, str):  # nearly all; whether it is a model costs more to ask
            continue
        if isinstance(value, BaseModel):
            yield from _nodes(value, f"{path}.{name}")
        elif isinstance(value, list):
            for number, each in enumerate(value):
                if isinstance(each, BaseModel):
                    yield from _nodes(each, f"{path}.{name}[{number}]")


def of_json(value: Value | None, path: str = "Bundle") -> Iterator[Problem]:
    """What reading as a model would forgive: nulls, empty texts, arrays and objects, and bytes that are not base64."""
    if value is None or (not value and isinstance(value, str | list | tuple | Mapping)):
        yield Problem("ele-1", path, "an element must have a value or children")
    elif isinstance(value, str):
        if not value.strip():
            yield Problem("string", path, "a text must hold more than white space")
        if path.endswith((".attachment.data", ".attachment.hash")) and not _BASE64.fullmatch(value):
            yield Problem("base64", path, "must be base64")
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from of_json(each, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from of_json(each, f"{path}[{number}]")


def of_fields(tree: Tree) -> Iterator[Problem]:
    """What the models know of their fields but do not enforce."""
    for path, node in tree.nodes:
        held = {name: value for name, value in vars(node).items() if value is not None}
        known = _known(type(node))
        for name in (each for each in held if each in known):
            codes, targets = known[name]
            for each in _listed(held[name]):
                if codes and each not in codes:
                    yield Problem("code-binding", f"{path}.{name}", "the code is not of the required value set")
                if targets and isinstance(each, Reference) and not _allowed(each, targets, tree):
                    yield Problem("reference-type", f"{path}.{name}", f"must point at one of {', '.join(targets)}")
        for name, value in held.items():
            if isinstance(value, datetime) and value.tzinfo is None:
                yield Problem("time-zone", f"{path}.{name}", "a time needs its zone")


@cache
def _known(model: type[BaseModel]) -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
    """Of each field: the codes of its required value set, and the types that its reference may point at."""
    known = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        codes = LONGER_LISTS.get((model.__name__, name), "").split() or _texts(extra.get("enum_values"))
        targets = _texts(extra.get("enum_reference_types"))
        if codes or targets:
            known[name] = (frozenset(codes), () if "Resource" in targets else tuple(targets))
    return known


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _allowed(reference: Reference, targets: tuple[str, ...], tree: Tree) -> bool:
    """Whether the reference points at one of these types; one that points nowhere is another rule's business."""
    if reference.reference is None:
        return True
    kind = tree.target(reference.reference)
    return kind is None or kind in targets
