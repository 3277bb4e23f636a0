"""How well the category model does, beside TF-IDF with logistic regression, as a report and a model card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from worker.classifier import About, Classifier
from worker.training.category_data import Example
from worker.windows import merge, windows

REPORT_FILE = "report.json"
CARD_FILE = "README.md"
CARD = Path(__file__).with_name("category_card.md")
WANTED_PRECISION = 0.9
"""The threshold is the lowest at which so many of the answers that are given on held-out notes are right."""
SPECIAL_TOKENS = 2
TEMPERATURES = tuple(step / 10 for step in range(5, 41))


class Corpus(Protocol):
    """The parts of the training corpus that a report looks at."""

    @property
    def learn(self) -> list[Example]: ...
    @property
    def held_names(self) -> list[Example]: ...
    @property
    def held_notes(self) -> list[Example]: ...


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, by name of the figure."""

    figures: dict[str, object]


def scores(model: Classifier, texts: Sequence[str]) -> list[list[float]]:
    """Scores of whole documents: windows, each scored, merged."""
    return _merged(_logits(model, texts), model.about.temperature)


def calibrate(model: Classifier, held: Sequence[Example]) -> About:
    """The model's card with the temperature that fits held-out notes best, and the threshold that keeps precision."""
    labels = model.about.labels
    wanted = torch.tensor([labels.index(each.label) for each in held])
    logits = _logits(model, [each.text for each in held])
    best = (float("inf"), 1.0)
    for temperature in TEMPERATURES:
        rows = torch.tensor(_merged(logits, temperature)).clamp_min(1e-6)
        best = min(best, (float(nn.functional.nll_loss(rows.log(), wanted)), temperature))
    judged = sorted(_judge(_merged(logits, best[1]), labels, held), reverse=True)
    right, threshold = 0, 1.0
    for count, (confidence, is_right) in enumerate(judged, start=1):
        right += is_right
        threshold = confidence if right / count >= WANTED_PRECISION else threshold
    return replace(model.about, temperature=best[1], threshold=round(threshold, 2))


def measure(
    model: Classifier, corpus: Corpus, sample: Sequence[Example], *, cpu_seconds: float, plan: dict[str, object]
) -> Report:
    """Accuracy on held-out names and notes and on the hand-labelled sample, each beside the baseline."""
    sets = {"held_out_names": corpus.held_names, "held_out_notes": corpus.held_notes, "sample": list(sample)}
    ours = {name: _accuracy(model, held) for name, held in sets.items() if held}
    baseline = _baseline(corpus.learn, {name: held for name, held in sets.items() if held})
    answered = [each for each in _judged(model, sample) if each[0] >= model.about.threshold]
    return Report(
        {
            "base": model.about.base,
            "labels": list(model.about.labels),
            "temperature": model.about.temperature,
            "threshold": model.about.threshold,
            "examples": {"learn": len(corpus.learn), **{name: len(held) for name, held in sets.items()}},
            "accuracy": ours,
            "accuracy_tfidf_logistic_regression": baseline,
            "sample_answered": len(answered),
            "sample_answered_right": sum(is_right for _, is_right in answered),
            "sample_by_label": _by_label(model, sample),
            "training_cpu_seconds": round(cpu_seconds),
            "plan": plan,
        }
    )


def write(report: Report, folder: Path) -> None:
    """The report as JSON, and the model card that tells it in words."""
    (folder / REPORT_FILE).write_text(json.dumps(report.figures, indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(_card(report.figures), encoding="utf-8")


def _logits(model: Classifier, texts: Sequence[str]) -> list[Tensor]:
    """The logits of each text's windows."""
    limit = model.about.window_tokens - SPECIAL_TOKENS
    cut = [[text[span.start : span.end] for span in windows(text, model.lengths, limit)] for text in texts]
    rows = model.logits([window for each in cut for window in each])
    return list(torch.split(rows, [len(each) for each in cut]))


def _merged(logits: Sequence[Tensor], temperature: float) -> list[list[float]]:
    return [merge((rows / temperature).softmax(-1).tolist()) for rows in logits]


def _judged(model: Classifier, held: Sequence[Example]) -> list[tuple[float, bool]]:
    return _judge(scores(model, [each.text for each in held]), model.about.labels, held)


def _judge(rows: Sequence[Sequence[float]], labels: Sequence[str], held: Sequence[Example]) -> list[tuple[float, bool]]:
    return [(max(row), labels[row.index(max(row))] == each.label) for row, each in zip(rows, held, strict=True)]


def _accuracy(model: Classifier, held: Sequence[Example]) -> float:
    judged = _judged(model, held)
    return round(sum(is_right for _, is_right in judged) / len(judged), 3)


def _by_label(model: Classifier, held: Sequence[Example]) -> dict[str, str]:
    judged = list(zip(_judged(model, held), held, strict=True))
    wanted = Counter(each.label for each in held)
    right = Counter(each.label for (_, is_right), each in judged if is_right)
    return {label: f"{right[label]} of {wanted[label]}" for label in sorted(wanted)}


def _baseline(learn: Sequence[Example], sets: dict[str, list[Example]]) -> dict[str, float]:
    # for development only, and without types: scikit-learn ships none
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]  # noqa: PLC0415

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    line = make_pipeline(words, LogisticRegression(C=10, max_iter=1000, class_weight="balanced"))
    line.fit([each.text for each in learn], [each.label for each in learn])
    return {
        name: round(float(line.score([each.text for each in held], [each.label for each in held])), 3)
        for name, held in sets.items()
    }


def _card(figures: dict[str, object]) -> str:
    ours, baseline = figures["accuracy"], figures["accuracy_tfidf_logistic_regression"]
    rows = []
    if isinstance(ours, dict) and isinstance(baseline, dict):
        rows = [f"| {name} | {ours[name]} | {baseline[name]} |" for name in ours]
    words = CARD.read_text(encoding="utf-8")
    return words.format(rows="\n".join(rows), temperature=figures["temperature"], threshold=figures["threshold"])
