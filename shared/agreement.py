"""How far two runs of a stage over the same input agree, as one number that says nothing of the content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping

from shared.case import Case
from shared.job import StageName

_WORD = re.compile(r"\w+")


def agreement(stage: StageName, one: Case, other: Case) -> float:
    """Between 0 and 1, the same in both directions; 1 where both found nothing."""
    found = _FOUND.get(stage, _risk)
    return _overlap(found(one), found(other))


def words(text: str) -> Counter[Hashable]:
    """The words of a text with how often each comes, in lower case."""
    return Counter(_WORD.findall(text.lower()))


def _overlap(one: Counter[Hashable], other: Counter[Hashable]) -> float:
    """F1 of two multisets: for words, this is ROUGE-1."""
    whole = one.total() + other.total()
    return 1.0 if whole == 0 else 2.0 * (one & other).total() / whole


def _text(case: Case) -> Counter[Hashable]:
    return words(case.text or "")


def _mentions(case: Case) -> Counter[Hashable]:
    return Counter((each.kind, each.start, each.end, each.assertion, each.experiencer) for each in case.mentions)


def _category(case: Case) -> Counter[Hashable]:
    found = case.classification
    return Counter[Hashable]() if found is None else Counter[Hashable]([found.category])


def _summary(case: Case) -> Counter[Hashable]:
    return _sentences(each.text for each in (*case.summary, *case.narrative))


def _advice(case: Case) -> Counter[Hashable]:
    return _sentences(each.text for each in case.recommendations)


def _resources(case: Case) -> Counter[Hashable]:
    return words(case.bundle or "")


def _risk(case: Case) -> Counter[Hashable]:
    found = case.deterioration
    return Counter[Hashable]() if found is None else Counter[Hashable]([found.level])


def _sentences(texts: Iterable[str]) -> Counter[Hashable]:
    return words(" ".join(texts))


_FOUND: Mapping[StageName, Callable[[Case], Counter[Hashable]]] = {
    StageName.READ: _text,
    StageName.TRANSCRIBE: _text,
    StageName.EXTRACT: _mentions,
    StageName.CLASSIFY: _category,
    StageName.SUMMARIZE: _summary,
    StageName.RECOMMEND: _advice,
    StageName.ASSEMBLE: _resources,
}
