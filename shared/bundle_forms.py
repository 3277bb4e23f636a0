"""The other forms of a transaction Bundle: a collection, a document, and its resources one by one.

Each follows from the transaction alone: the same transaction gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from shared import fhir_json
from shared.fhir_json import Resource

Kind = Literal["transaction", "collection", "document"]
URN = "urn:uuid:"


def formed(transaction: Resource, kind: Kind) -> Resource:
    """The Bundle in this form; a document begins with its Composition, only a transaction says what to do.

    Each form is a Bundle of its own, with an identifier of its own: the job's and the form's name.
    """
    if kind == "transaction":
        return transaction
    entries = [{name: each[name] for name in ("fullUrl", "resource")} for each in transaction["entry"]]
    if kind == "document":
        entries.sort(key=lambda each: each["resource"]["resourceType"] != "Composition")  # sorting keeps the rest
    named = transaction["identifier"]
    identifier = {**named, "value": f"{named['value']}/{kind}"}
    return {**transaction, "identifier": identifier, "type": kind, "entry": entries}


def resources(transaction: Resource) -> Iterator[Resource]:
    """Each resource by itself, after those that it refers to, with an id and with references of the form Type/id.

    A patient whom nobody named shows where the note states their gender, and the note is about that patient: what shows
    it is left out here, since one of the two has to come first.
    """
    places = {each["fullUrl"]: _place(each) for each in transaction["entry"]}
    for each in transaction["entry"]:
        kind, _, name = places[each["fullUrl"]].partition("/")
        left_out = {"resourceType", "extension"} if kind == "Patient" else {"resourceType"}
        rest = {field: value for field, value in each["resource"].items() if field not in left_out}
        yield {"resourceType": kind, "id": name, **_relative(rest, places)}


def ndjson(transaction: Resource) -> str:
    """The same, one a line (FHIR Bulk Data's application/fhir+ndjson)."""
    return "".join(f"{fhir_json.write(each)}\n" for each in resources(transaction))


def _place(entry: Mapping[str, Any]) -> str:
    return f"{entry['resource']['resourceType']}/{entry['fullUrl'].removeprefix(URN)}"


def _relative(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: places.get(each, each) if name == "reference" and isinstance(each, str) else _relative(each, places)
            for name, each in value.items()
        }
    return [_relative(each, places) for each in value] if isinstance(value, list) else value
