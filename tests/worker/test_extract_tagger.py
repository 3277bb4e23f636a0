"""The extract stage with its token classifier: what it adds, in which language, and what happens without weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.case import Case
from shared.errors import JobStoppedError, MissingInputError, ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.worker import tiny_tagger
from worker.bench import set_up
from worker.stage import Device
from worker.stages.extract import BATCH, Extract, load

NOTE = "🙂 The patient has Zorbitis\r\nand takes zorbafen 20 mg twice daily. She denies fever."
RULES = ModelVersion("rules", "rules")
CaseOf = Callable[..., Case]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    base, adapter = tiny_tagger.make(tmp_path_factory.mktemp("tagger"))
    return ModelVersion("tiny", "bert", path=base, adapter=adapter, sha256="ab" * 32)


@pytest.fixture(scope="module")
def stage(model: ModelVersion) -> Extract:
    return load(model, Device())


def named(case: Case) -> dict[str, str]:
    return {each.text: each.kind for each in case.mentions}


def test_it_adds_what_the_dictionaries_do_not_hold_and_keeps_what_they_do(stage: Extract, case_of: CaseOf) -> None:
    alone = load(RULES, Device()).run([case_of(NOTE)], RecordingDesk())[0]
    case = stage.run([case_of(NOTE)], RecordingDesk())[0]
    assert named(case).items() >= {**named(alone), "Zorbitis": "condition", "zorbafen": "medication"}.items()
    assert "fever" in named(alone)
    zorbafen = next(each for each in case.mentions if each.text == "zorbafen")
    assert (zorbafen.attribute("dose"), zorbafen.attribute("unit")) == ("20", "mg")
    assert 0.5 <= zorbafen.confidence < 1.0
    assert zorbafen.codes == ()


def test_the_result_names_the_weights(stage: Extract, model: ModelVersion, case_of: CaseOf) -> None:
    (used,) = stage.run([case_of(NOTE)], RecordingDesk())[0].models
    assert (used.stage, used.name, used.engine, used.sha256) == (StageName.EXTRACT, "tiny", "bert", model.sha256)


def test_cases_that_are_read_together_say_what_each_says_alone(stage: Extract, case_of: CaseOf) -> None:
    texts = [NOTE, "Fever.", "No pain today, takes quixol 5 mg daily.", "El paciente niega Zorbitis y fiebre."]
    together = stage.run([case_of(each) for each in texts], RecordingDesk())
    alone = [stage.run([case_of(each)], RecordingDesk())[0] for each in texts]
    assert [each.mentions for each in together] == [each.mentions for each in alone]
    assert together[1].insufficient


def test_other_languages_are_left_to_the_rules(stage: Extract, case_of: CaseOf) -> None:
    case = stage.run([case_of("El paciente tiene Zorbitis y toma metformina.")], RecordingDesk())[0]
    assert case.language == "es"
    assert "Zorbitis" not in named(case)


def test_a_threshold_that_the_manifest_sets_counts(model: ModelVersion, case_of: CaseOf) -> None:
    strict = ModelVersion("tiny", "bert", path=model.path, adapter=model.adapter, options={"threshold": "1.1"})
    case = load(strict, Device()).run([case_of(NOTE)], RecordingDesk())[0]
    assert "Zorbitis" not in named(case)


def test_a_cancel_is_heard_while_the_tagger_reads(stage: Extract, case_of: CaseOf) -> None:
    with pytest.raises(JobStoppedError):
        stage.run([case_of(NOTE)], RecordingDesk(is_stopped=lambda: True))


def test_the_tagger_reads_many_cases_at_once_and_the_rules_one(stage: Extract) -> None:
    assert (stage.batch, load(RULES, Device()).batch) == (BATCH, 1)


def test_a_case_without_text_is_refused(stage: Extract, case_of: CaseOf) -> None:
    with pytest.raises(MissingInputError):
        stage.run([case_of(None)], RecordingDesk())


@pytest.mark.parametrize("engine", ["bert", "llama"])
def test_an_engine_without_weights_is_refused(engine: str) -> None:
    with pytest.raises(ModelUnavailableError):
        load(ModelVersion("nothing", engine), Device())


def test_without_its_weights_the_rules_serve_and_the_result_says_so(
    model: ModelVersion, tmp_path: Path, case_of: CaseOf
) -> None:
    lost = ModelVersion("tiny", "bert", path=tmp_path / "nothing", adapter=model.adapter)
    bench = set_up({StageName.EXTRACT: lost}, Device())
    (case,) = bench.run(StageName.EXTRACT, [case_of(NOTE)], RecordingDesk())
    assert isinstance(case, Case)
    assert [(each.stage, each.engine) for each in case.degraded] == [(StageName.EXTRACT, "rules")]
    assert "fever" in named(case)
    assert str(tmp_path) not in case.degraded[0].reason
