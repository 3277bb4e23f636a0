"""Text to facts: sections and mentions with their sense, attributes and codes, by rules and a token classifier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from shared.case import Case
from shared.errors import MissingInputError, ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from worker import onnx_bert, tagger
from worker.clinical.facts import facts
from worker.clinical.folded import sentences
from worker.clinical.language import detect
from worker.clinical.reading import fold
from worker.clinical.redflags import red_flags
from worker.clinical.tagged import Tagged
from worker.clinical.terminology import terminology
from worker.identifiers.find import identifiers
from worker.stage import Desk, Device
from worker.tagger import Tagger

FEWEST_WORDS = 3
BATCH = 16
"""Cases whose sentences the tagger reads together; the rules gain nothing from batches."""
TOO_SHORT = "The text has fewer than three words: too little to find facts in."
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Extract:
    """The rules of worker/clinical, joined by what a tagger finds in English texts (worker/clinical/tagged.py)."""

    model: ModelVersion
    tagger: Tagger | None = None
    threshold: float = 1.0
    """What the tagger finds counts from this probability on."""

    @property
    def batch(self) -> int:
        """How many cases one call may take."""
        return 1 if self.tagger is None else onnx_bert.batch_of(self.model, BATCH)

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """The cases with language, sections, mentions and red flags; too short a text sets `insufficient` instead."""
        known = [_with_language(case) for case in cases]
        tagged = self._tag(known, desk)
        return [self._read(case, found, desk) for case, found in zip(known, tagged, strict=True)]

    def _tag(self, cases: Sequence[Case], desk: Desk) -> list[list[Tagged]]:
        """What the tagger finds in each case; nothing in other languages than English."""
        found: list[list[Tagged]] = [[] for _ in cases]
        if self.tagger is None:
            return found
        texts = [case.text if case.text and case.language == "en" else "" for case in cases]
        parts = [(at, part) for at, text in enumerate(texts) for part in sentences(text)]
        read = self.tagger.tag([texts[at][part.start : part.end] for at, part in parts], desk.listen)
        for (at, part), entities in zip(parts, read, strict=True):
            sure = (each for each in entities if each.score >= self.threshold)
            found[at] += (replace(each, start=part.start + each.start, end=part.start + each.end) for each in sure)
        return found

    def _read(self, case: Case, tagged: Sequence[Tagged], desk: Desk) -> Case:
        if case.text is None or _is_too_short(case.text):
            return case
        found = facts(case.text, case.language, case.segments, tagged)
        desk.tell(case, 1.0)
        read = replace(
            case,
            language=found.language,
            sections=found.sections,
            mentions=found.mentions,
            sentiment=found.sentiment,
            identifiers=identifiers(case.text, found.mentions, case.origin.patient),
            models=(*case.models, self.model.used_by(StageName.EXTRACT)),
        )
        return replace(read, red_flags=red_flags(read))  # here already: a crisis is told as soon as it is known


def load(model: ModelVersion, device: Device) -> Extract:
    """The stage for engine `bert` (encoder in `path`, LoRA and head in `adapter`), `onnx` (the same) or `rules`.

    Option `threshold` replaces the adapter's own: what the tagger finds counts from this probability on. Raises
    ModelUnavailableError when the weights are missing or do not fit.
    """
    terminology()
    if model.engine == "rules":
        return Extract(model)
    if model.engine not in {"bert", "onnx"} or model.path is None or model.adapter is None:
        raise ModelUnavailableError("extract needs engine bert or onnx with a path and an adapter, or engine rules")
    torch.set_num_threads(device.threads)
    if model.engine == "onnx":
        found = onnx_bert.read_tagger(model, device)
    else:
        found = tagger.read(model.path, model.adapter, device=device.name)
    return Extract(model, found, float(model.options.get("threshold", found.threshold)))


def _with_language(case: Case) -> Case:
    """The case with its language, unless its text is too short to be read; then it says so."""
    if case.text is None:
        raise MissingInputError("extract needs text: run transcribe first, or send text")
    if _is_too_short(case.text):
        return replace(case, insufficient=case.insufficient or TOO_SHORT)
    return replace(case, language=case.language or detect(fold(case.text)))


def _is_too_short(text: str) -> bool:
    """Fewer than three words, counting no further than needed."""
    found = _WORD.finditer(text)
    return sum(1 for _ in zip(range(FEWEST_WORDS), found, strict=False)) < FEWEST_WORDS
