"""What differs between two results of the same content: category, facts, sentences, advice, risk, and who did it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]
SENSE = ("assertion", "experiencer", "temporality", "concept", "attrs", "codes")
"""What a fact may say otherwise although it stands on the same words."""


def differences(before: Item, after: Item) -> dict[str, Any]:
    """By part of the result; a part in which nothing differs is an empty list, or null."""
    return {
        "classification": _changed(_judged(before), _judged(after)),
        "facts": _facts(before.get("facts", []), after.get("facts", [])),
        "summary": _lists(before.get("summary", []), after.get("summary", []), _sentence),
        "narrative": _lists(_narrative(before), _narrative(after), _sentence),
        "recommendations": _lists(before.get("recommendations", []), after.get("recommendations", []), _sentence),
        "red_flags": _lists(before.get("red_flags", []), after.get("red_flags", []), lambda each: each["rule"]),
        "deterioration": _changed(before.get("deterioration"), after.get("deterioration")),
        "models": _by_stage(before.get("models", {}), after.get("models", {})),
        "seconds": {"before": before.get("timings", {}), "after": after.get("timings", {})},
    }


def same(found: Mapping[str, Any]) -> bool:
    """Whether nothing that was found differs, whoever did the work and however long it took."""
    parts = {name: each for name, each in found.items() if name not in {"models", "seconds"}}
    return not any(each and (not isinstance(each, Mapping) or any(each.values())) for each in parts.values())


def _judged(result: Item) -> Item | None:
    judged = result.get("classification")
    kept = ("category", "confidence", "needs_review")
    return None if judged is None else {name: judged[name] for name in kept}


def _changed(before: Item | None, after: Item | None) -> dict[str, Any] | None:
    return None if before == after else {"before": before, "after": after}


def _facts(before: Sequence[Item], after: Sequence[Item]) -> dict[str, Any]:
    """Facts that stand on the same words are the same, however their ids count."""
    old, new = ({_place(each): each for each in facts} for facts in (before, after))
    return {
        "added": [new[place] for place in new if place not in old],
        "removed": [old[place] for place in old if place not in new],
        "changed": [
            {"before": old[place], "after": new[place]}
            for place in old
            if place in new and any(old[place].get(name) != new[place].get(name) for name in SENSE)
        ],
    }


def _place(fact: Item) -> Hashable:
    first = fact["evidence"][0] if fact["evidence"] else {"start": fact["text"], "end": 0}
    return fact["kind"], first["start"], first["end"]


def _lists(before: Sequence[Item], after: Sequence[Item], name: Callable[[Item], Hashable]) -> dict[str, Any]:
    old, new = ({name(each): each for each in items} for items in (before, after))
    return {
        "added": [each for key, each in new.items() if key not in old],
        "removed": [each for key, each in old.items() if key not in new],
    }


def _sentence(each: Item) -> Hashable:
    return each.get("section"), each["text"]


def _narrative(result: Item) -> Sequence[Item]:
    told: Sequence[Item] = (result.get("clinical_summary") or {}).get("narrative", [])
    return told


def _by_stage(before: Item, after: Item) -> dict[str, Any]:
    stages = [*before, *(stage for stage in after if stage not in before)]
    return {
        stage: {"before": before.get(stage), "after": after.get(stage)}
        for stage in stages
        if before.get(stage) != after.get(stage)
    }
