"""How much and how often, in the words of the note and, where they are plain, as FHIR Timing."""

from __future__ import annotations

import re
from decimal import Decimal

from shared.case import Case
from worker.fhir.codes import concept
from worker.fhir.elements import Element, Value, clean, element
from worker.fhir.findings import Finding
from worker.fhir.quantities import number, quantity

NAMES = ("dose", "unit", "route", "frequency", "duration")
NOT_STATED = "dosage not stated in the source"
LONGEST_SPAN = 120  # characters; words further apart than this are not one instruction

_TIMES = {"once": 1, "twice": 2, "three times": 3, "four times": 4, "una vez": 1, "dos veces": 2, "tres veces": 3}
_LATIN = {"qd": 1, "od": 1, "daily": 1, "bid": 2, "tid": 3, "qid": 4, "every day": 1, "cada día": 1, "diario": 1}
_PERIODS = {"day": "d", "daily": "d", "día": "d", "dia": "d", "week": "wk", "weekly": "wk", "semana": "wk"}
_UNITS = {"h": "h", "hour": "h", "hora": "h", "hr": "h", "day": "d", "día": "d", "dia": "d", "week": "wk"}
_AS_NEEDED = re.compile(r"\b(?:as needed|prn|p\.r\.n\.|si es necesario|según necesidad)(?!\w)")
_BEDTIME = re.compile(r"\b(?:at bedtime|qhs|nightly|every night|por la noche|al acostarse)(?!\w)")
_MORNING = re.compile(r"\b(?:every morning|in the morning|qam|por la mañana)(?!\w)")
_PER = re.compile(
    r"\b(once|twice|three times|four times|una vez|dos veces|tres veces|(\d+) (?:times|veces))"
    r"(?: ?(?:a|per|an|every|each|al|a la|por))? ?(day|daily|día|dia|week|weekly|semana)\b"
)
_EVERY = re.compile(r"\b(?:every|each|cada|q) ?(other |\d+ ?)(hours?|hrs?|horas?|h|days?|días?|dias?|weeks?)\b")
_AMOUNT = re.compile(r"\s*([\d.,]+)\s*(\S.*)?")


def dosage(case: Case, finding: Finding) -> Element:
    """A Dosage: its text always, and its parts as far as they are plain."""
    frequency = (finding.attribute("frequency") or "").casefold()
    bounds = number(finding.attribute("duration_days"))
    repeat = {**_repeat(frequency), **({"boundsDuration": quantity(bounds, "d")} if bounds is not None else {})}
    return element(
        text=_text(case, finding) or NOT_STATED,
        timing={"repeat": repeat} if repeat else None,
        asNeededBoolean=True if _AS_NEEDED.search(frequency) else None,
        route=concept(finding.attribute("route")),
        doseAndRate=_dose(finding),
    )


def _text(case: Case, finding: Finding) -> str:
    """The stretch of the note that holds the instruction; its parts, where they stand far apart or in no place."""
    said = [each for each in finding.first.attributes if each.name in NAMES]
    held = [each.span for each in said if each.span]
    if held and all(each.span or each.name == "unit" for each in said):
        start, end = min(each.start for each in held), max(each.end for each in held)
        words = (case.text or "")[start:end]
        if end - start <= LONGEST_SPAN and not re.search(r"[\n;]|\.\s", words):
            return clean(words)
    parts = [finding.attribute(name) for name in NAMES]
    return " ".join(each for each in parts if each)


def _dose(finding: Finding) -> list[Element]:
    stated = _AMOUNT.fullmatch(finding.attribute("dose") or "")
    if stated is None:
        return []
    amount = number(stated[1])
    if amount is None:
        return []
    return [{"doseQuantity": quantity(amount, finding.attribute("unit") or stated[2])}]


def _repeat(frequency: str) -> dict[str, Value]:
    """The repeat part of a Timing; nothing where the words are not plain: the text says it then."""
    if every := _EVERY.search(frequency):
        period = Decimal(2) if every[1].strip() == "other" else Decimal(every[1])
        return {"frequency": 1, "period": period, "periodUnit": _UNITS[every[2].rstrip("s")]}
    when = [code for code, words in (("HS", _BEDTIME), ("MORN", _MORNING)) if words.search(frequency)]
    if when and not _PER.search(frequency):
        return {"frequency": 1, "period": 1, "periodUnit": "d", "when": when}
    if per := _PER.search(frequency):
        times = int(per[2]) if per[2] else _TIMES[per[1]]
        return {"frequency": times, "period": 1, "periodUnit": _PERIODS[per[3]]}
    words = re.sub(r"\.", "", _AS_NEEDED.sub("", frequency)).strip(" ,")
    return {"frequency": _LATIN[words], "period": 1, "periodUnit": "d"} if words in _LATIN else {}
