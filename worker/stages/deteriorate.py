"""Deteriorate: seven days of measurements become the risk of critical illness in the next three."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.case import Case
from shared.errors import MissingInputError, ModelUnavailableError
from shared.registry import ModelVersion
from shared.series import Deterioration, Driver, Risk, Series
from worker.deterioration import levels, news2, steps
from worker.deterioration.levels import Levels
from worker.deterioration.runtime import MODEL_FILE, Runtime
from worker.stage import Desk, Device, Stage

BATCH = 64
DAY_H = 24
LEAST_EFFECT = 0.005  # what changes the risk by less drives nothing
FEW_HOURS = 24.0
TOO_SHORT = "The measurements span less than a day: the risk rests on little."
INCOMPLETE = "Some of the seven values of NEWS2 were not measured: the score may be higher than told."
MADE_UP = "The network has learnt from made-up patients alone: it is not validated for care."

Risks = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(patients, steps, channels) -> (patients, days ahead)."""


@dataclass(slots=True)
class Rules:
    """NEWS2 alone."""

    model: ModelVersion
    batch: int = BATCH

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """Each case with its score and level; a case without measurements raises MissingInputError."""
        desk.listen()
        return [_told(case, scored(series)) for case, series in _with_series(cases)]


@dataclass(slots=True)
class Network:
    """The LSTM, and NEWS2 beside it."""

    model: ModelVersion
    risks: Risks
    levels: Levels
    batch: int = BATCH

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """Each case with its risks and what drives them; a case without measurements raises MissingInputError."""
        desk.listen()
        read = _with_series(cases)
        tables = np.stack([steps.read(series)[0] for _, series in read])
        rows = np.concatenate([tables, *(_at_rest(tables, place) for place in range(len(steps.NAMES)))])
        found = self.risks(rows).reshape(1 + len(steps.NAMES), len(read), -1)
        return [
            _told(case, self._deterioration(series, found[0, at], found[1:, at, -1]), MADE_UP)
            for at, (case, series) in enumerate(read)
        ]

    def _deterioration(self, series: Series, risks: NDArray[np.float32], rested: NDArray[np.float32]) -> Deterioration:
        """`rested` has the risk at the horizon with each kind of measurement, in its turn, at rest."""
        last = float(risks[-1])
        effects = sorted(zip(steps.NAMES, (last - rested).tolist(), strict=True), key=lambda each: -abs(each[1]))
        told = {
            "level": self.levels.of(last),
            "risks": tuple(
                Risk(within_h=DAY_H * day, probability=round(float(risk), 4)) for day, risk in enumerate(risks, start=1)
            ),
            "drivers": tuple(
                Driver(name=name, effect=round(effect, 4)) for name, effect in effects if abs(effect) >= LEAST_EFFECT
            ),
        }
        return scored(series).model_copy(update=told)


def load(model: ModelVersion, device: Device) -> Stage:
    """The stage by its engine: onnx (ONNX Runtime), lstm (PyTorch, the reference), or rules (NEWS2 alone)."""
    if model.engine == "rules":
        return Rules(model)
    if model.adapter is None or model.engine not in {"onnx", "lstm"}:
        raise ModelUnavailableError("deteriorate needs engine onnx or lstm with an adapter, or engine rules")
    file = model.adapter / MODEL_FILE
    risks: Risks
    if model.engine == "onnx":
        risks = Runtime(file, threads=device.threads).risks
    else:
        from worker.deterioration import net  # noqa: PLC0415 - PyTorch only where it is the engine

        file, risks = model.adapter / net.WEIGHTS_FILE, net.read(model.adapter).risks
    hashed = hashlib.sha256(file.read_bytes()).hexdigest()
    return Network(replace(model, sha256=hashed), risks, levels.read(model.adapter))


def scored(series: Series) -> Deterioration:
    """What NEWS2 says of the last known values."""
    _, last, hours = steps.read(series)
    points = news2.score(last, hypercapnic=series.hypercapnic)
    complete = all(name in last for name in steps.NAMES)
    return Deterioration(news2=points, complete=complete, level=levels.of_news2(points), hours_read=round(hours, 1))


def _with_series(cases: Sequence[Case]) -> list[tuple[Case, Series]]:
    found = [(case, case.origin.series) for case in cases]
    if any(series is None for _, series in found):
        raise MissingInputError("deteriorate needs measurements: send them to /api/v1/ml/predict/deterioration")
    return [(case, series) for case, series in found if series is not None]


def _told(case: Case, found: Deterioration, *more: str) -> Case:
    short = (TOO_SHORT,) if found.hours_read < FEW_HOURS else ()
    lacking = () if found.complete else (INCOMPLETE,)
    return replace(case, deterioration=found, warnings=(*case.warnings, *short, *lacking, *more))


def _at_rest(tables: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    """The same steps with one kind of measurement as it usually is."""
    rested = tables.copy()
    rested[..., place] = 0.0
    return rested
