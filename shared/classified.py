"""Category and sections as clients read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.case import Case
from shared.category import Attribution, Attributions, Headed
from shared.headers import FAMILY_OR_SOCIAL, SECTIONS
from shared.quoting import evidence


def classification(case: Case) -> dict[str, Any] | None:
    """The category with its scores and its evidence, and with what speaks for it where that was asked for."""
    found = case.classification
    if found is None:
        return None
    return {
        "category": found.category,
        "confidence": found.confidence,
        "all_scores": dict(found.scores),
        "top": [{"category": category, "score": score} for category, score in found.scores[:3]],
        "needs_review": found.needs_review,
        "evidence": evidence(case, found.evidence),
        **({} if found.attributions is None else {"attributions": _attributions(case, found.attributions)}),
    }


def sections(case: Case) -> list[dict[str, Any]]:
    """The headed parts of a note, and the stretches of a conversation by what they are about, in the text's order."""
    parts: list[dict[str, Any]] = [{"name": each.name, "start": each.start, "end": each.end} for each in case.sections]
    parts += [
        {
            "name": _part(case, each),
            "start": each.start,
            "end": each.end,
            "header": each.header,
            "confidence": each.confidence,
        }
        for each in case.headed
    ]
    return sorted(parts, key=lambda each: (each["start"], each["end"]))


def _part(case: Case, headed: Headed) -> str:
    """The part of a note that a header stands for; one header holds both family and social history."""
    within = [each for each in case.mentions if headed.start <= each.start < headed.end]
    family = sum(each.experiencer == "family" for each in within)
    if headed.header == FAMILY_OR_SOCIAL and family > sum(each.kind == "social" for each in within):
        return "family_history"
    return SECTIONS[headed.header].part


def _attributions(case: Case, found: Attributions) -> dict[str, Any]:
    return {
        "method": found.method,
        "sentences": _weighed(case, found.sentences),
        "words": _weighed(case, found.words),
    }


def _weighed(case: Case, found: Iterable[Attribution]) -> list[dict[str, Any]]:
    return [{"weight": each.weight, **evidence(case, [each.span])[0]} for each in found]
