"""Deterioration: the exported network on ONNX Runtime beside PyTorch, the same patients, one thread each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from shared.registry import ADAPTERS
from tests.benchmarks.table import Row
from worker.deterioration import net
from worker.deterioration.patients import ward
from worker.deterioration.runtime import MODEL_FILE, Runtime
from worker.deterioration.steps import channels

ROUNDS = 7
CALLS = {1: 400, 64: 40}
"""By patients in a call: calls in a round."""
Risks = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Seconds of foretelling, alternating; and how far the two are apart."""
    torch.set_num_threads(1)
    folder = ADAPTERS / "deterioration"
    by_torch, by_onnx = net.read(folder).risks, Runtime(folder / MODEL_FILE).risks
    steps = channels(ward(max(CALLS), seed=11).table)
    rows = []
    for patients, calls in CALLS.items():
        ratios = [_seconds(by_onnx, steps[:patients], calls) / _seconds(by_torch, steps[:patients], calls)
                  for _ in range(ROUNDS)]  # fmt: skip
        ratio = statistics.median(ratios)
        tell(f"deterioration, {patients} patients a call: ONNX Runtime / PyTorch {ratio:.2f}")
        what = f"deterioration network, ONNX Runtime / PyTorch, {patients} patients a call"
        rows.append(Row(what, ratio, "< 1" if patients == 1 else "", ratio < 1.0 or patients > 1, "1 thread"))
    apart = float(np.abs(by_onnx(steps) - by_torch(steps)).max())
    return [*rows, Row("largest difference of a probability between the two", apart, "< 1e-5", apart < 1e-5)]


def _seconds(risks: Risks, steps: NDArray[np.float32], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        risks(steps)
    return time.process_time() - began
