"""How well the deterioration network foretells, beside NEWS2 and logistic regression, as a report and a model card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.deterioration.levels import ABOUT_FILE, Levels
from worker.deterioration.net import AHEAD_DAYS, DeteriorationLSTM
from worker.deterioration.news2 import MEDIUM
from worker.deterioration.patients import Ward
from worker.deterioration.steps import STEP_H, channels

REPORT_FILE = "report.json"
CARD_FILE = "README.md"
CARD = Path(__file__).with_name("deterioration_card.md")
BINS = 10
Risk = NDArray[np.float64]


def write(
    model: DeteriorationLSTM, learn: Ward, choose: Ward, judge: Ward, out: Path, found: Mapping[str, object]
) -> Path:
    """Choose the levels, measure on patients that nothing was chosen on, and write report, levels and card.

    `found` is what the report says beside it.
    """
    levels = choose_levels(foretold(model, choose)[:, -1], choose)
    figures = measure(model, learn, judge, levels)
    (out / ABOUT_FILE).write_text(json.dumps(levels.as_dict(), indent=2) + "\n", encoding="utf-8")
    (out / CARD_FILE).write_text(_card(figures, levels), encoding="utf-8")
    report = out / REPORT_FILE
    whole = {**found, "levels": levels.as_dict(), **figures}
    report.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    return report


def foretold(model: DeteriorationLSTM, patients: Ward) -> Risk:
    """(patients, days ahead): probability of deterioration by the end of each day."""
    return model.eval().risks(channels(patients.table)).astype(np.float64)


def choose_levels(risk: Risk, patients: Ward) -> Levels:
    """The limits at which the network calls as many patients as NEWS2 does: 5 points for high, 3 for medium."""
    shares = [float((patients.news2 >= points).mean()) for points in (3, MEDIUM)]
    medium, high = (float(np.quantile(risk, 1 - share)) for share in shares)
    return Levels(medium=round(medium, 4), high=round(high, 4))


def measure(model: DeteriorationLSTM, learn: Ward, judge: Ward, levels: Levels) -> dict[str, object]:
    """Area under the ROC and precision-recall curves, Brier score, calibration, and what the level `high` calls."""
    from sklearn.metrics import average_precision_score, roc_auc_score  # type: ignore[import-untyped]  # noqa: PLC0415

    risk, regression = foretold(model, judge), _regression(learn, judge)
    by_day = {
        f"{24 * (day + 1)} h": round(float(roc_auc_score(_within(judge, day + 1), risk[:, day])), 3)
        for day in range(AHEAD_DAYS)
    }
    ill = _within(judge, AHEAD_DAYS)
    rows = {"lstm": risk[:, -1], "logistic_regression": regression, "news2": judge.news2.astype(np.float64)}
    compared = {
        name: {
            "auroc": round(float(roc_auc_score(ill, row)), 3),
            "auprc": round(float(average_precision_score(ill, row)), 3),
        }
        for name, row in rows.items()
    }
    called = {"lstm": risk[:, -1] >= levels.high, "news2": judge.news2 >= MEDIUM}
    return {
        "patients": len(ill),
        "deteriorated": round(float(ill.mean()), 3),
        "within_72_h": compared,
        "lstm_auroc_by_horizon": by_day,
        "brier": round(float(((risk[:, -1] - ill) ** 2).mean()), 4),
        "brier_of_the_mean": round(float(ill.mean() * (1 - ill.mean())), 4),
        "expected_calibration_error": round(calibration_error(risk[:, -1], ill), 4),
        "called_high": {
            name: {
                "share": round(float(row.mean()), 3),
                "sensitivity": round(float(row[ill].mean()), 3),
                "precision": round(float(ill[row].mean()), 3) if row.any() else None,
            }
            for name, row in called.items()
        },
    }


def calibration_error(risk: Risk, ill: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten bins of equal counts (Naeini et al. 2015)."""
    parts = np.array_split(np.argsort(risk), BINS)
    return float(sum(len(part) * abs(risk[part].mean() - ill[part].mean()) for part in parts) / len(risk))


def _within(patients: Ward, days: int) -> NDArray[np.bool_]:
    return (patients.day > 0) & (patients.day <= days)


def _regression(learn: Ward, judge: Ward) -> Risk:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]  # noqa: PLC0415

    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    fitted.fit(_features(learn), _within(learn, AHEAD_DAYS))
    found: Risk = fitted.predict_proba(_features(judge))[:, 1]
    return found


def _features(patients: Ward) -> NDArray[np.float32]:
    """Last values, their means over one and over seven days, and what changed in the last day."""
    scaled = channels(patients.table)[..., : patients.table.shape[-1]]
    day = 24 // STEP_H
    last, daily, whole = scaled[:, -1], scaled[:, -day:].mean(1), scaled.mean(1)
    return np.hstack([last, daily, whole, daily - scaled[:, -2 * day : -day].mean(1), patients.news2[:, None]])


def _card(figures: dict[str, object], levels: Levels) -> str:
    compared = figures["within_72_h"]
    called = figures["called_high"]
    assert isinstance(compared, dict)  # noqa: S101 - as `measure` makes it
    assert isinstance(called, dict)  # noqa: S101 - as `measure` makes it
    rows = "\n".join(f"| {name} | {row['auroc']} | {row['auprc']} |" for name, row in compared.items())
    high = "\n".join(
        f"| {name} | {row['share']} | {row['sensitivity']} | {row['precision']} |" for name, row in called.items()
    )
    return CARD.read_text(encoding="utf-8").format(
        rows=rows, high=high, limits=levels, brier=figures["brier"], mean=figures["brier_of_the_mean"],
        ece=figures["expected_calibration_error"], patients=figures["patients"], ill=figures["deteriorated"],
    )  # fmt: skip
