"""How well a classifier judges whole texts: accuracy, temperature, threshold, and the baseline beside it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from worker.classifier import About, Classifier
from worker.windows import merge, windows

WANTED_PRECISION = 0.9
"""The threshold is the lowest at which so many of the answers that are given on held-out texts are right."""
SPECIAL_TOKENS = 2
TEMPERATURES = tuple(step / 20 for step in range(10, 81))
Z95 = 1.96
"""Of a 95 % interval."""


class Labelled(Protocol):
    """A text and the label that it should get."""

    @property
    def text(self) -> str: ...
    @property
    def label(self) -> str: ...


def scores(model: Classifier, texts: Sequence[str]) -> list[list[float]]:
    """Scores of whole documents: windows, each scored, merged."""
    return merged(logits(model, texts), model.about.temperature)


def calibrate(model: Classifier, held: Sequence[Labelled]) -> About:
    """The model's card with the temperature that fits held-out texts best, and the threshold that keeps precision."""
    labels = model.about.labels
    wanted = torch.tensor([labels.index(each.label) for each in held])
    rows = logits(model, [each.text for each in held])
    fits = [(_loss(merged(rows, temperature), wanted), temperature) for temperature in TEMPERATURES]
    temperature = min(fits)[1]
    return replace(
        model.about, temperature=temperature, threshold=threshold(judge(merged(rows, temperature), labels, held))
    )


def threshold(judged: Sequence[tuple[float, bool]]) -> float:
    """The lowest confidence from which on WANTED_PRECISION of the answers are right; 1 where none is."""
    right, found = 0, 1.0
    for count, (confidence, is_right) in enumerate(sorted(judged, reverse=True), start=1):
        right += is_right
        found = confidence if right / count >= WANTED_PRECISION else found
    return round(found, 2)


def logits(model: Classifier, texts: Sequence[str]) -> list[Tensor]:
    """The logits of each text's windows, (windows, labels) each."""
    limit = model.about.window_tokens - SPECIAL_TOKENS
    cut = [[text[span.start : span.end] for span in windows(text, model.lengths, limit)] for text in texts]
    rows = model.logits([window for each in cut for window in each])
    return list(torch.split(rows, [len(each) for each in cut]))


def merged(rows: Sequence[Tensor], temperature: float) -> list[list[float]]:
    """One row of probabilities a text, from the logits of its windows."""
    return [merge((each / temperature).softmax(-1).tolist()) for each in rows]


def judge(rows: Sequence[Sequence[float]], labels: Sequence[str], held: Sequence[Labelled]) -> list[tuple[float, bool]]:
    """Of each text the confidence in its best label, and whether that is right."""
    return [(max(row), labels[row.index(max(row))] == each.label) for row, each in zip(rows, held, strict=True)]


def judged(model: Classifier, held: Sequence[Labelled]) -> list[tuple[float, bool]]:
    """The same by a model."""
    return judge(scores(model, [each.text for each in held]), model.about.labels, held)


def share(found: Sequence[tuple[float, bool]]) -> float:
    """Accuracy: the share that is right."""
    return round(sum(is_right for _, is_right in found) / len(found), 3)


def by_label(found: Sequence[tuple[float, bool]], held: Sequence[Labelled]) -> dict[str, str]:
    """Of each label, how many are right of how many."""
    wanted = Counter(each.label for each in held)
    right = Counter(each.label for (_, is_right), each in zip(found, held, strict=True) if is_right)
    return {label: f"{right[label]} of {wanted[label]}" for label in sorted(wanted)}


def interval(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    middle, spread = right / of + Z95**2 / (2 * of), Z95 * math.sqrt(right * (of - right) / of**3 + (Z95 / of) ** 2 / 4)
    whole = 1 + Z95**2 / of
    return (middle - spread) / whole, (middle + spread) / whole


def calibration_error(found: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """Expected calibration error (Naeini 2015): how far confidence and accuracy lie apart, over bins of like width."""
    return sum(abs(sure - right) * count for sure, right, count in reliability(found, bins)) / len(found)


def reliability(found: Sequence[tuple[float, bool]], bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean confidence, accuracy and count of each bin of confidence that holds any."""
    drawn = [[each for each in found if min(int(each[0] * bins), bins - 1) == at] for at in range(bins)]
    return [
        (sum(sure for sure, _ in each) / len(each), sum(right for _, right in each) / len(each), len(each))
        for each in drawn
        if each
    ]


def baseline(learn: Sequence[Labelled], sets: Mapping[str, Sequence[Labelled]]) -> dict[str, float]:
    """Accuracy of TF-IDF of words and pairs with logistic regression, learnt from the same texts."""
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


def _loss(rows: Sequence[Sequence[float]], wanted: Tensor) -> float:
    return float(nn.functional.nll_loss(torch.tensor(rows).clamp_min(1e-6).log(), wanted))
