"""Text to facts: sections and mentions with their sense, attributes and codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.case import Case
from shared.errors import MissingInputError
from shared.job import StageName
from shared.registry import ModelVersion
from worker.clinical.facts import facts
from worker.clinical.terminology import terminology
from worker.identifiers.find import identifiers
from worker.stage import Desk, Device

FEWEST_WORDS = 3
TOO_SHORT = "The text has fewer than three words: too little to find facts in."
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Extract:
    """The rules of worker/clinical applied to one case at a time; they gain nothing from batches."""

    model: ModelVersion
    batch: int = 1

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """The cases with language, sections and mentions; too short a text sets `insufficient` instead."""
        return [self._read(case, desk) for case in cases]

    def _read(self, case: Case, desk: Desk) -> Case:
        if case.text is None:
            raise MissingInputError("extract needs text: run transcribe first, or send text")
        if _is_too_short(case.text):
            return replace(case, insufficient=case.insufficient or TOO_SHORT)
        found = facts(case.text, case.language, case.segments)
        desk.tell(case, 1.0)
        return replace(
            case,
            language=found.language,
            sections=found.sections,
            mentions=found.mentions,
            identifiers=identifiers(case.text, found.mentions, case.origin.patient),
            models=(*case.models, self.model.used_by(StageName.EXTRACT)),
        )


def load(model: ModelVersion, device: Device) -> Extract:  # noqa: ARG001 -- the rules need no device
    """Read the terminology once; the stage that comes back can run at once."""
    terminology()
    return Extract(model)


def _is_too_short(text: str) -> bool:
    """Fewer than three words, counting no further than needed."""
    found = _WORD.finditer(text)
    return sum(1 for _ in zip(range(FEWEST_WORDS), found, strict=False)) < FEWEST_WORDS
