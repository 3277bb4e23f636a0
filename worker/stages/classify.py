"""The category of a text with the words that speak for it, and what each stretch of a conversation is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import structlog
import torch

from shared.case import Case, Classification, Mention, Span
from shared.errors import MissingInputError, ModelUnavailableError
from shared.registry import ADAPTERS, ModelVersion
from worker import classifier, explain, header, onnx_bert
from worker.classifier import Classifier
from worker.clinical import votes
from worker.clinical.folded import fold, sentences
from worker.clinical.language import detect
from worker.header import Headers
from worker.stage import Desk, Device, Listen, Stage
from worker.windows import merge, windows

BATCH = 16
SPECIAL_TOKENS = 2  # [CLS] and [SEP]
EVIDENCE_SENTENCES = 3
EVIDENCE_WINDOWS = 4
"""Sentences are weighed in so many of the windows that speak most for the category; it bounds the cost."""
EVIDENCE_SHARE = 0.6
"""A sentence is evidence when it speaks at least so much for the category as the best one does."""
RULES_THRESHOLD = 0.4
HEADER = "header"
"""The option that names the folder of the weights that name headers."""
NO_HEADERS = "classify: the weights that name the parts of a conversation could not be read, so it has none"
log = structlog.get_logger()


def load(model: ModelVersion, device: Device) -> Stage:
    """The stage for engine `bert` (encoder in `path`, LoRA and head in `adapter`) or `rules`.

    Option `threshold` replaces the adapter's own: below it the result asks for a review. Raises ModelUnavailableError
    when the weights are missing or do not fit.
    """
    threshold = float(model.options["threshold"]) if "threshold" in model.options else None
    if model.engine == "rules":
        return ClassifyByCodes(model, threshold if threshold is not None else RULES_THRESHOLD)
    if model.engine not in {"bert", "onnx"} or model.path is None or model.adapter is None:
        raise ModelUnavailableError("classify needs engine bert or onnx with a path and an adapter, or engine rules")
    torch.set_num_threads(device.threads)
    scorer = _scorer(model, device)
    headers = _headers(model, device)
    return Classify(model, scorer, threshold if threshold is not None else scorer.about.threshold, headers)


def _scorer(model: ModelVersion, device: Device) -> Classifier:
    if model.engine == "onnx":
        return onnx_bert.read_classifier(model, device)
    return classifier.read(cast("Path", model.path), cast("Path", model.adapter), device=device.name)


def _headers(model: ModelVersion, device: Device) -> Headers | None:
    """What names the headers of conversations; None where the manifest names no weights, or they cannot be read."""
    adapter = model.options.get(HEADER)
    if adapter is None:
        return None
    try:
        return Headers(_scorer(replace(model, adapter=ADAPTERS / adapter), device))
    except ModelUnavailableError:
        log.warning("no section headers", adapter=adapter)
        return None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch that is scored: of the case's text, or, without a span, the English names of what was found in it."""

    text: str
    span: Span | None


class Classify:
    """A BERT with a LoRA adapter reads the text in windows; their scores are merged."""

    def __init__(
        self, model: ModelVersion, scorer: Classifier, threshold: float, headers: Headers | None = None
    ) -> None:
        self.model = model
        self.batch = onnx_bert.batch_of(model, BATCH)
        self._scorer = scorer
        self._threshold = threshold
        self._headers = headers

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """The cases with their classification and their headed stretches; all windows of all cases share batches."""
        cases = self._with_headers(cases, desk.listen)
        pieces = [self._pieces(case) for case in cases]
        rows = iter(self._scorer.score([piece.text for each in pieces for piece in each], desk.listen))
        scored = [[next(rows) for _ in each] for each in pieces]
        done = []
        for case, mine, scores in zip(cases, pieces, scored, strict=True):
            desk.tell(case, 0.7)
            done.append(replace(case, classification=self._judge(case, mine, scores, desk.listen)))
            desk.tell(case, 1.0)
        return done

    def _with_headers(self, cases: Sequence[Case], listen: Listen) -> Sequence[Case]:
        if self._headers is not None:
            marked = zip(cases, self._headers.mark(cases, listen), strict=True)
            return [replace(case, headed=headed) for case, headed in marked]
        if HEADER not in self.model.options:
            return cases
        return [
            replace(each, warnings=(*each.warnings, NO_HEADERS)) if header.is_read(each) else each for each in cases
        ]

    def _pieces(self, case: Case) -> list[Piece]:
        if not case.text or not case.text.strip():
            raise MissingInputError("classify needs text: run transcribe first, or send text")
        text, limit = case.text, self._scorer.about.window_tokens - SPECIAL_TOKENS
        if (case.language or detect(fold(text))) != "en" and (named := _in_english(case)):
            return [Piece(named, None)]
        return [Piece(case.quote(each), each) for each in windows(text, self._scorer.lengths, limit)]

    def _judge(
        self, case: Case, pieces: Sequence[Piece], scores: Sequence[Sequence[float]], listen: Listen
    ) -> Classification:
        labels = self._scorer.about.labels
        merged = dict(zip(labels, merge(scores), strict=True))
        category = max(merged, key=merged.__getitem__)
        place = labels.index(category)
        best = sorted(zip(pieces, scores, strict=True), key=lambda each: -each[1][place])[:EVIDENCE_WINDOWS]
        spans = [piece.span for piece, _ in best if piece.span]
        evidence = self._evidence(case, spans, place, listen) if spans else votes.evidence(case, category)
        judged = _classification(merged, self._threshold, evidence)
        if not (spans and case.origin.explain):
            return judged
        return replace(judged, attributions=explain.occlusion(self._scorer, case.text or "", spans, place, listen))

    def _evidence(self, case: Case, stretches: Sequence[Span], place: int, listen: Listen) -> tuple[Span, ...]:
        """The sentences that, read alone, speak most for the category."""
        parts = [part for each in stretches for part in _sentences_within(case, each)]
        alone = [row[place] for row in self._scorer.score([case.quote(part) for part in parts], listen)]
        ranked = sorted(zip(alone, parts, strict=True), key=lambda each: -each[0])[:EVIDENCE_SENTENCES]
        chosen = [part for score, part in ranked if score >= EVIDENCE_SHARE * ranked[0][0]]
        return tuple(sorted(chosen, key=lambda span: span.start))


class ClassifyByCodes:
    """The codes of what was found in the text vote for their categories."""

    batch = BATCH

    def __init__(self, model: ModelVersion, threshold: float) -> None:
        self.model = model
        self._threshold = threshold

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """The cases with their classification."""
        done = []
        for case in cases:
            scores = votes.scores(case)
            evidence = votes.evidence(case, max(scores, key=scores.__getitem__))
            done.append(replace(case, classification=_classification(scores, self._threshold, evidence)))
            desk.tell(case, 1.0)
        return done


def _classification(scores: dict[str, float], threshold: float, evidence: tuple[Span, ...]) -> Classification:
    ranked = tuple(sorted(scores.items(), key=lambda each: -each[1]))
    category, confidence = ranked[0]
    unsure = confidence < threshold or not evidence
    return Classification(category, confidence, ranked, needs_review=unsure, evidence=evidence)


def _in_english(case: Case) -> str:
    """The English names of what the patient has, each once, as a sentence each."""
    named = [each for each in case.mentions if votes.counts(each) and each.concept]
    ordered: dict[str, Mention] = {each.concept: each for each in named if each.concept}
    return " ".join(f"{name}." for name in ordered)


def _sentences_within(case: Case, stretch: Span) -> Iterator[Span]:
    for part in sentences(case.quote(stretch)):
        yield Span(stretch.start + part.start, stretch.start + part.end)
