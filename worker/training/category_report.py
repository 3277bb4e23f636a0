"""How well the category model does, beside TF-IDF with logistic regression, as a report and a model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from worker.classifier import Classifier
from worker.training import judged
from worker.training.category_data import Example

REPORT_FILE = "report.json"
CARD_FILE = "README.md"
CARD = Path(__file__).with_name("category_card.md")


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


def measure(
    model: Classifier, corpus: Corpus, sample: Sequence[Example], *, cpu_seconds: float, plan: dict[str, object]
) -> Report:
    """Accuracy on held-out names and notes and on the hand-labelled sample, each beside the baseline."""
    sets = {"held_out_names": corpus.held_names, "held_out_notes": corpus.held_notes, "sample": list(sample)}
    sets = {name: held for name, held in sets.items() if held}
    found = {name: judged.judged(model, held) for name, held in sets.items()}
    on_sample = found.get("sample", [])
    answered = [each for each in on_sample if each[0] >= model.about.threshold]
    return Report(
        {
            "base": model.about.base,
            "labels": list(model.about.labels),
            "temperature": model.about.temperature,
            "threshold": model.about.threshold,
            "examples": {"learn": len(corpus.learn), **{name: len(held) for name, held in sets.items()}},
            "accuracy": {name: judged.share(each) for name, each in found.items()},
            "accuracy_tfidf_logistic_regression": judged.baseline(corpus.learn, sets),
            "sample_answered": len(answered),
            "sample_answered_right": sum(is_right for _, is_right in answered),
            "sample_by_label": judged.by_label(on_sample, sample),
            "training_cpu_seconds": round(cpu_seconds),
            "plan": plan,
        }
    )


def write(report: Report, folder: Path) -> None:
    """The report as JSON, and the model card that tells it in words."""
    (folder / REPORT_FILE).write_text(json.dumps(report.figures, indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(_card(report.figures), encoding="utf-8")


def _card(figures: dict[str, object]) -> str:
    ours, baseline = figures["accuracy"], figures["accuracy_tfidf_logistic_regression"]
    rows = []
    if isinstance(ours, dict) and isinstance(baseline, dict):
        rows = [f"| {name} | {ours[name]} | {baseline[name]} |" for name in ours]
    words = CARD.read_text(encoding="utf-8")
    return words.format(rows="\n".join(rows), temperature=figures["temperature"], threshold=figures["threshold"])
