"""What the parts on the category and on section headers share: the model as the worker reads it, and its figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch

from shared import registry
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.quality.report import Table
from worker.training import judged

Found = Sequence[tuple[float, bool]]
"""Of each text the confidence in its label, and whether that is right."""


def served() -> tuple[ModelVersion, Path, Path]:
    """The model that the embedded profile classifies with in PyTorch, the folder of its encoder and its adapter."""
    torch.set_num_threads(os.cpu_count() or 1)  # nothing else runs beside it
    settings = Settings()
    plan = registry.plan(
        registry.read(settings.manifest), "embedded", settings.models_dir, {StageName.CLASSIFY: "bert"}
    )
    model = plan[StageName.CLASSIFY]
    if model.path is None or model.adapter is None:
        raise ModelUnavailableError("the profile names no weights for classify")
    return model, model.path, model.adapter


def sure(found: Found, threshold: float) -> tuple[str, ...]:
    """A row: how many are answered from a confidence on, and how many of those are right."""
    answered = [is_right for confidence, is_right in found if confidence >= threshold]
    right = f"{sum(answered)} ({sum(answered) / len(answered):.2f})" if answered else "0"
    return f"{threshold:.2f}", f"{len(answered)} of {len(found)}", right


def calibration(found: Found) -> Table:
    """How confidence and accuracy go together, bin by bin."""
    error = judged.calibration_error(found, bins=5)
    rows = [
        (f"{confidence:.2f}", f"{right:.2f}", str(count)) for confidence, right, count in judged.reliability(found, 5)
    ]
    title = f"Calibration: expected calibration error {error:.3f} over five bins"
    return Table(("mean confidence", "share that is right", "texts"), rows, title)


def span(found: Found) -> str:
    """The 95 % interval of the accuracy, in words."""
    low, high = judged.interval(sum(is_right for _, is_right in found), len(found))
    return f"{low:.2f} to {high:.2f}"
