"""The stage that reads measurements: what it tells of a patient, by each of its engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.case import Case, Origin, from_json, to_json
from shared.errors import MissingInputError, ModelUnavailableError
from shared.job import StageName
from shared.registry import ADAPTERS, ModelVersion
from shared.series import Measurement, Series
from tests.worker.measured import END, series
from worker.stage import Device, Stage, load
from worker.stages import deteriorate

SHIPPED = ADAPTERS / "deterioration"


class Quiet:
    """A desk that hears nothing."""

    def listen(self) -> None:
        """Go on."""


def stage(engine: str) -> Stage:
    adapter = None if engine == "rules" else SHIPPED
    return load(StageName.DETERIORATE, ModelVersion("deterioration", engine, adapter=adapter), Device())


def case(sent: Series | None) -> Case:
    return Case(Origin("job", "default", datetime(2026, 3, 8, tzinfo=UTC), series=sent))


def test_who_slides_is_at_greater_risk_than_who_stays_well_and_the_values_that_moved_drive_it():
    well, sliding = stage("onnx").run([case(series()), case(series(falling_h=36))], Quiet())
    assert well.deterioration.level == "low"
    assert sliding.deterioration.level == "high"
    assert [each.within_h for each in sliding.deterioration.risks] == [24, 48, 72]
    assert sliding.deterioration.risks[-1].probability > 3 * well.deterioration.risks[-1].probability
    assert {each.name for each in sliding.deterioration.drivers[:3]} <= {
        "heart_rate", "respiratory_rate", "systolic", "temperature", "spo2",
    }  # fmt: skip
    assert sliding.deterioration.drivers[0].effect > 0
    assert well.deterioration.news2 == 0
    assert sliding.deterioration.complete


def test_a_case_is_told_the_same_alone_and_among_others():
    cases = [case(series()), case(series(falling_h=30)), case(series(every_h=12, days=2))]
    together = stage("onnx").run(cases, Quiet())
    assert [each.deterioration for each in together] == [
        stage("onnx").run([each], Quiet())[0].deterioration for each in cases
    ]


def test_pytorch_and_onnx_runtime_tell_the_same():
    sent = [case(series(falling_h=48))]
    by_onnx, by_torch = stage("onnx").run(sent, Quiet())[0], stage("lstm").run(sent, Quiet())[0]
    for one, other in zip(by_onnx.deterioration.risks, by_torch.deterioration.risks, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-4)


def test_rules_tell_the_score_alone():
    [done] = stage("rules").run([case(series(falling_h=36))], Quiet())
    assert done.deterioration.risks == ()
    assert done.deterioration.news2 == 7
    assert done.deterioration.level == "high"
    assert not done.warnings


def test_what_is_thin_or_incomplete_is_said():
    one = Series(measurements=(Measurement(at=END, heart_rate=120),))
    [done] = stage("onnx").run([case(one)], Quiet())
    assert deteriorate.TOO_SHORT in done.warnings
    assert deteriorate.INCOMPLETE in done.warnings
    assert deteriorate.MADE_UP in done.warnings
    assert not done.deterioration.complete


def test_the_model_in_the_result_is_named_by_the_hash_of_its_file():
    assert len(stage("onnx").model.sha256 or "") == 64
    assert stage("onnx").model.sha256 != stage("lstm").model.sha256


def test_a_case_without_measurements_and_an_unknown_engine_are_refused():
    with pytest.raises(MissingInputError, match="/api/v1/ml/predict/deterioration"):
        stage("onnx").run([case(None)], Quiet())
    with pytest.raises(ModelUnavailableError, match="onnx or lstm"):
        load(StageName.DETERIORATE, ModelVersion("x", "crystal-ball"), Device())


def test_a_finished_case_outlives_its_storage():
    [done] = stage("onnx").run([case(series())], Quiet())
    assert from_json(to_json(done)) == replace(done)
