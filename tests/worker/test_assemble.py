"""The stage that turns a case into a checked bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.case import Case, Mention, Span
from shared.errors import MissingInputError
from shared.job import Patient, StageName
from shared.registry import ModelVersion
from worker import stage
from worker.fhir.elements import read
from worker.stage import Device
from worker.stages.assemble import Assemble

RULES = ModelVersion("fhir", "rules", options={"operator": "St. Elsewhere", "operator_id": "main"})
TEXT = "Asthma since childhood."


@pytest.fixture(scope="module")
def assemble() -> Assemble:
    return stage.load(StageName.ASSEMBLE, RULES, Device())


@pytest.fixture
def asthma(case_of: Callable[..., Case]) -> Case:
    return replace(case_of(TEXT), mentions=(Mention("m1", "condition", 0, 6, "Asthma"),))


def test_a_case_leaves_with_its_bundle(assemble, asthma, desk):
    (done,) = assemble.run([asthma], desk)
    kinds = [each["resource"]["resourceType"] for each in read(done.bundle)["entry"]]
    assert "Condition" in kinds
    assert done.warnings == ()
    ((mention, url),) = done.resources
    assert (mention, f'"fullUrl":"{url}"' in done.bundle) == ("m1", True)
    assert replace(done, bundle=None, resources=()) == asthma


def test_the_operator_comes_from_the_models_options(assemble, asthma, desk):
    (done,) = assemble.run([asthma], desk)
    assert '"name":"St. Elsewhere"' in done.bundle


def test_a_second_run_writes_the_same_bytes(assemble, asthma, desk):
    (first,), (second,) = assemble.run([asthma], desk), assemble.run([asthma], desk)
    assert first.bundle == second.bundle


def test_a_bundle_that_breaks_a_rule_does_not_leave_and_the_warning_holds_no_content(assemble, asthma, desk, caplog):
    beyond = Mention("m1", "condition", 900, 906, "Asthma", cues=(Span(0, 3),))
    group = replace(asthma.origin, patient=Patient(reference="Device/secret-1"))
    (done,) = assemble.run([replace(asthma, mentions=(beyond,), origin=group)], desk)
    assert done.bundle is None
    assert done.warnings == (
        "The FHIR Bundle broke 2 of its rules and was not written; broken: evidence, reference-type.",
    )
    assert "sthma" not in caplog.text


def test_an_earlier_warning_stays(assemble, asthma, desk):
    beyond = Mention("m1", "condition", 900, 906, "Asthma")
    (done,) = assemble.run([replace(asthma, mentions=(beyond,), warnings=("earlier",))], desk)
    assert done.warnings[0] == "earlier"
    assert len(done.warnings) == 2


def test_too_little_content_is_not_assembled(assemble, case_of, desk):
    silence = replace(case_of(""), insufficient="no speech")
    assert assemble.run([silence], desk) == [silence]


def test_no_text_is_an_error_that_says_what_to_do(assemble, case_of, desk):
    with pytest.raises(MissingInputError, match="run transcribe first"):
        assemble.run([case_of(None)], desk)


def test_each_of_several_cases_gets_its_own(assemble, asthma, case_of, desk):
    plain, sick = assemble.run([case_of("Nothing."), asthma], desk)
    assert '"Condition"' not in plain.bundle
    assert '"Condition"' in sick.bundle
