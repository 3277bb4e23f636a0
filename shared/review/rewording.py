"""The human-readable text of reviewed resources, as safe XHTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from shared.fhir_json import Resource
from shared.review.asked import Correction

XHTML = "http://www.w3.org/1999/xhtml"
_INNER = re.compile(r"<div[^>]*>(.*)</div>", re.DOTALL)
_BY_SOFTWARE = re.compile(r"(?:\bunconfirmed, )?AI asserted(?:, unconfirmed)?\)(?=</p>)")
_TOLD = frozenset({"text", "codes"})
_FOUND = frozenset({"valueBoolean", "valueCodeableConcept", "valueString"})
"""How an Observation says what is no measurement; what it measures beside that is a detail."""
_DRAFT = "Draft by software, to be reviewed"
# What XML cannot hold; a reviewer's words come from outside as a note's do.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def worded(paragraphs: Iterable[str], ready: str = "") -> Resource:
    """A Narrative of these paragraphs, or of XHTML that is ready."""
    plain = (escape(_UNPRINTABLE.sub(" ", each).strip()) for each in paragraphs)
    return {"status": "generated", "div": f'<div xmlns="{XHTML}">{"".join(f"<p>{p}</p>" for p in plain)}{ready}</div>'}


def plain(words: str) -> str:
    """Words on one line, without what XML cannot hold."""
    return " ".join(_UNPRINTABLE.sub(" ", words).split())


def inner(resource: Resource) -> str:
    """What stands in a resource's narrative."""
    found = _INNER.fullmatch(resource["text"]["div"])
    return found[1] if found else ""


def reviewed_words(resource: Resource) -> Resource:
    """The narrative, which no longer says that only software asserts this."""
    words = _BY_SOFTWARE.sub("reviewed)", inner(resource)).replace(_DRAFT, "Draft by software, reviewed")
    return worded([], words)


def struck_out(resource: Resource) -> Resource:
    """The narrative of what a reviewer rejected."""
    return worded(["Entered in error, rejected by a reviewer:"], inner(resource))


def said(resource: Resource, corrections: Sequence[Correction]) -> str:
    """A corrected resource in words, complete in themselves: receivers of text get nothing else."""
    drug = resource.get("medicationCodeableConcept")
    name = (drug or resource.get("code") or {}).get("text", "")
    if drug is not None:
        dosage = (resource.get("dosage") or resource.get("dosageInstruction") or [{}])[0].get("text")
        words = f"{name}, {resource['status']}{f': {dosage}' if dosage else ''}"
    elif (measured := "; ".join(_measured(resource))) and not resource.keys() & _FOUND:
        words = f"{name}: {measured}"
    else:
        given = {name: each for by in corrections for name, each in by.given.items() if name not in _TOLD}
        words = "; ".join([name, *(f"{field} {value}" for field, value in given.items())])
    return f"{words} (corrected by a reviewer)"


def _measured(held: Resource) -> Iterator[str]:
    """Each value with its unit; of a panel with its name."""
    if "valueQuantity" in held:
        quantity = held["valueQuantity"]
        yield " ".join(str(quantity[name]) for name in ("value", "unit") if name in quantity)
    for each in held.get("component", []):
        if "valueQuantity" in each:
            yield f"{each['code'].get('text', '')} {next(_measured(each))}"
