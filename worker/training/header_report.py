"""How well the section header model does, beside TF-IDF with logistic regression, as a report and a model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from worker import classifier
from worker.classifier import Classifier
from worker.training import judged
from worker.training.header_data import Dialogue

REPORT_FILE = "report.json"
CARD_FILE = "README.md"
CARD = Path(__file__).with_name("header_card.md")


def ship(
    model: Classifier,
    learn: Sequence[Dialogue],
    held: Sequence[Dialogue],
    validation: Sequence[Dialogue],
    folder: Path,
    plan: dict[str, object],
    cpu_s: float,
) -> None:
    """Fit temperature and threshold on what was held out, and write the adapter with its report and its card.

    The figures are those of the adapter as it ships, in half precision; the validation set is only reported on.
    """
    about = judged.calibrate(model, held)
    classifier.write(model, folder, about)
    model.about = about
    sets = {"held_out": held, "validation": validation}
    found = {name: judged.judged(model, each) for name, each in sets.items()}
    right = sum(is_right for _, is_right in found["validation"])
    low, high = judged.interval(right, len(validation))
    report = {
        "base": about.base,
        "labels": list(about.labels),
        "temperature": about.temperature,
        "threshold": about.threshold,
        "dialogues": {"learn": len(learn), **{name: len(each) for name, each in sets.items()}},
        "accuracy": {name: judged.share(each) for name, each in found.items()},
        "accuracy_tfidf_logistic_regression": judged.baseline(learn, sets),
        "validation_interval_95": [round(low, 3), round(high, 3)],
        "validation_calibration_error": round(judged.calibration_error(found["validation"]), 3),
        "validation_by_label": judged.by_label(found["validation"], validation),
        "training_cpu_seconds": round(cpu_s),
        "plan": plan,
    }
    (folder / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(_card(report), encoding="utf-8")


def _card(report: dict[str, object]) -> str:
    ours, baseline = report["accuracy"], report["accuracy_tfidf_logistic_regression"]
    rows = []
    if isinstance(ours, dict) and isinstance(baseline, dict):
        rows = [f"| {name} | {ours[name]} | {baseline[name]} |" for name in ours]
    return CARD.read_text(encoding="utf-8").format(rows="\n".join(rows), **report)
