"""Habits under a label: "Tobacco: former smoker" tells one thing, and "Tobacco: quit in 2010" that it is over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from worker.clinical.finding import Finding
from worker.clinical.reading import read
from worker.clinical.terminology import Concept, terminology

_LABEL = re.compile(r"\s*(?:status|use|history|habits?)?\s?[:=-]\s*(?:an? )?")
_QUIT = re.compile(r"(?:quit|stopped|(?:lo )?dej[oe]|abandon[oe])(?!\w)")


def under_labels(text: str, found: Sequence[Finding]) -> list[Finding]:
    """The findings of a text in their order: a label gives way to the habit that it names, or is told as given up."""
    following = dict(pairwise(found))
    return [each for one in found for each in _told(text, one, following.get(one))]


def _told(text: str, finding: Finding, following: Finding | None) -> list[Finding]:
    label = _LABEL.match(text, finding.end) if finding.kind == "social" else None
    if label is None:
        return [finding]
    if following is not None and following.kind == "social" and following.start == label.end():
        return []
    if finding.concept == "current smoker" and _QUIT.match(text, label.end()):
        former = _former()
        return [replace(finding, concept=former.name, codes=former.codes)]
    return [finding]


@cache
def _former() -> Concept:
    """The concept of somebody who smoked."""
    return next(terminology().find(read("former smoker", "en"))).concept
