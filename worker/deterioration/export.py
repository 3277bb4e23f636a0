"""The network as ONNX, checked against PyTorch before anybody may use it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch

from worker.deterioration.net import DeteriorationLSTM
from worker.deterioration.runtime import MODEL_FILE, Runtime
from worker.deterioration.steps import CHANNELS, STEPS

OPSET = 17
LARGEST_DIFFERENCE = 1e-5
"""Between a probability by ONNX Runtime and the same by PyTorch."""


class ExportError(RuntimeError):
    """The exported network tells other probabilities than the one it was made from."""


def export(model: DeteriorationLSTM, folder: Path) -> float:
    """Write model.onnx (batch size free) and return the largest difference to PyTorch over 256 random patients.

    Raises ExportError, and leaves no file, where that is more than LARGEST_DIFFERENCE.
    """
    path = folder / MODEL_FILE
    steps = torch.randn(256, STEPS, CHANNELS, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own plans, and that an LSTM's batch size is free
        torch.onnx.export(
            model.eval(),
            (steps[:1],),
            str(path),
            input_names=["steps"],
            output_names=["risks"],
            dynamic_axes={"steps": {0: "patients"}, "risks": {0: "patients"}},
            opset_version=OPSET,
            dynamo=False,  # its successor needs two more packages and gives the same graph of one LSTM
        )
    with torch.inference_mode():
        wanted = model(steps).numpy()
    difference = float(np.abs(Runtime(path).risks(steps.numpy()) - wanted).max())
    if difference > LARGEST_DIFFERENCE:
        path.unlink()
        raise ExportError(f"ONNX Runtime differs from PyTorch by {difference:.2g}")
    return difference
