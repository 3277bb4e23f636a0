"""A reviewed transaction for a server that holds the original already: what reviewers changed is written over it."""

from __future__ import annotations

from shared.fhir_json import Resource


def updating(reviewed: Resource, stored: Resource) -> Resource:
    """The reviewed transaction with a conditional update (FHIR R4, 3.1.0.4.3) for each resource that a review changed.

    Without it a server that found the original there keeps it as it was, though a Provenance says that it was reviewed.
    """
    before = {each["fullUrl"]: each["resource"] for each in stored["entry"]}
    entries = [
        {**each, "request": _update(each)}
        if before.get(each["fullUrl"], each["resource"]) != each["resource"]
        else each
        for each in reviewed["entry"]
    ]
    return {**reviewed, "entry": entries}


def _update(entry: Resource) -> dict[str, str]:
    request = entry["request"]
    return {"method": "PUT", "url": f"{request['url']}?{request['ifNoneExist']}"}
