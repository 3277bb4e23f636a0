"""The network: its training resumes, its export is checked, and what is shipped is what its report says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from shared.errors import ModelUnavailableError
from shared.registry import ADAPTERS
from worker.deterioration import export, net
from worker.deterioration.net import DeteriorationLSTM
from worker.deterioration.patients import ward
from worker.deterioration.runtime import MODEL_FILE, Runtime
from worker.deterioration.steps import channels
from worker.training import deterioration, deterioration_report
from worker.training.deterioration import Plan

SHIPPED = ADAPTERS / "deterioration"
SMALL = Plan(patients=400, held=200, epochs=3, batch=64)


def test_risks_never_fall_from_one_day_to_the_next():
    risks = DeteriorationLSTM().eval().risks(channels(ward(50, seed=3).table))
    assert ((risks > 0) & (risks < 1)).all()
    assert (np.diff(risks, axis=1) >= 0).all()


def test_the_same_seed_makes_the_same_patients():
    one, two, other = ward(20, seed=5), ward(20, seed=5), ward(20, seed=6)
    assert np.array_equal(one.table, two.table, equal_nan=True)
    assert not np.array_equal(one.table, other.table, equal_nan=True)


def test_a_run_that_was_cut_off_ends_as_one_in_a_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    learn, choose = ward(SMALL.patients, seed=1), ward(SMALL.held, seed=2)
    whole = deterioration.train(learn, choose, SMALL, tmp_path / "whole")

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        save = deterioration._save
        patched.setattr(deterioration, "_save", lambda *given: (save(*given), given[-1][0] == 2 and cut_off()))
        with pytest.raises(KeyboardInterrupt):
            deterioration.train(learn, choose, SMALL, tmp_path / "cut")
    epochs: list[int] = []
    monkeypatch.setattr(deterioration, "_save", lambda *given: epochs.append(given[-1][0]))
    resumed = deterioration.train(learn, choose, SMALL, tmp_path / "cut")
    assert epochs == [3]
    steps = channels(choose.table)
    assert np.array_equal(resumed.risks(steps), whole.risks(steps))


def test_learning_beats_guessing(tmp_path: Path):
    learn, choose = ward(1500, seed=1), ward(600, seed=2)
    model = deterioration.train(learn, choose, replace(SMALL, epochs=8), tmp_path)
    steps, days = torch.from_numpy(channels(choose.table)), torch.from_numpy(choose.day)
    with torch.inference_mode():
        untrained = float(deterioration.loss(DeteriorationLSTM().eval().logits(steps), days))
        assert float(deterioration.loss(model.logits(steps), days)) < 0.5 * untrained
    ill = choose.day > 0
    risk = deterioration_report.foretold(model, choose)[:, -1]
    assert risk[ill].mean() > 1.2 * risk[~ill].mean()


def test_onnx_runtime_tells_what_pytorch_tells(tmp_path: Path):
    model = DeteriorationLSTM()
    assert export.export(model, tmp_path) <= export.LARGEST_DIFFERENCE
    steps = channels(ward(7, seed=4).table)
    assert np.allclose(Runtime(tmp_path / MODEL_FILE).risks(steps), model.risks(steps), atol=1e-5)


def test_an_export_that_tells_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(export.ExportError, match="differs from PyTorch"):
        export.export(DeteriorationLSTM(), tmp_path)
    assert not (tmp_path / MODEL_FILE).exists()


def test_damaged_weights_are_told_by_their_file(tmp_path: Path):
    (tmp_path / MODEL_FILE).write_bytes(b"no network")
    with pytest.raises(ModelUnavailableError, match="install clinq again"):
        Runtime(tmp_path / MODEL_FILE)
    with pytest.raises(ModelUnavailableError, match="install clinq again"):
        net.read(tmp_path)


def test_what_is_shipped_is_better_than_news2_on_made_up_patients():
    judge = ward(1500, seed=99)
    ours = net.read(SHIPPED)
    assert np.allclose(
        Runtime(SHIPPED / MODEL_FILE).risks(channels(judge.table)), ours.risks(channels(judge.table)), atol=1e-5
    )
    risk, ill = ours.risks(channels(judge.table))[:, -1], judge.day > 0
    assert auroc(risk, ill) > auroc(judge.news2, ill) + 0.02
    report = json.loads((SHIPPED / "report.json").read_text(encoding="utf-8"))["within_72_h"]
    assert report["lstm"]["auroc"] > report["logistic_regression"]["auroc"] > report["news2"]["auroc"]


def auroc(risk: np.ndarray, ill: np.ndarray) -> float:
    """The share of pairs in which the one who deteriorates has the greater risk (ties count half)."""
    gap = risk[ill][:, None].astype(float) - risk[~ill][None]
    return float((gap > 0).mean() + 0.5 * (gap == 0).mean())
