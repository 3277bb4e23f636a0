"""What an operator can choose about the Bundle: how medications are sent, and their own SNOMED CT codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import PermanentError
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from shared.terminologies import CLINICAL, LICENSED, LOINC, SNOMED, is_code
from tests.worker.fhir.cases import mention, one, resources
from worker import run, stage
from worker.fhir.bundle import transaction
from worker.fhir.check import problems
from worker.fhir.elements import read
from worker.fhir.operator import Operator
from worker.fhir.snomed import table
from worker.stage import Device

REQUESTS = Operator(medication="request")
CODES = "# name, code, display\nmigraine\t37796009\tMigraine (disorder)\n\nHeadache\t25064002\n"


@pytest.fixture
def codes(tmp_path: Path) -> Path:
    path = tmp_path / "snomed.tsv"
    path.write_text(CODES)
    return path


@pytest.mark.parametrize(
    ("sense", "said", "status"),
    [
        ({}, None, "active"),
        ({"temporality": "past"}, None, "completed"),
        ({"temporality": "past"}, {"status": ("stopped", None)}, "stopped"),
        ({"temporality": "planned"}, None, "draft"),
        ({"assertion": "possible"}, None, "unknown"),
    ],
)
def test_a_request_reports_what_was_said_and_orders_nothing(case_of, sense, said, status):
    case = replace(
        case_of("about aspirin"), mentions=(mention("about aspirin", "medication", "aspirin", said, **sense),)
    )
    built = transaction(case, REQUESTS)
    assert problems(built) == []
    request = one(built, "MedicationRequest")
    assert (request["status"], request["intent"], request["reportedBoolean"]) == (status, "plan", True)
    assert request["dosageInstruction"][0]["text"] == "dosage not stated in the source"


def test_what_is_not_taken_is_no_request(case_of):
    case = replace(
        case_of("no aspirin"), mentions=(mention("no aspirin", "medication", "aspirin", assertion="absent"),)
    )
    assert resources(transaction(case, REQUESTS), "MedicationRequest") == []


def test_the_operators_codes_stand_beside_the_others_and_pass_for_them_alone(note, codes):
    built = transaction(note, Operator(snomed=table(codes)))
    assert problems(built, frozenset({SNOMED})) == []
    assert {each.rule for each in problems(built)} == {"code-system"}
    coding = one(built, "Condition")["code"]["coding"][-1]
    assert coding == {"system": SNOMED, "code": "37796009", "display": "Migraine (disorder)"}
    assert one(built, "Observation", "headache")["code"]["coding"][-1]["display"] == "Headache"


def test_without_a_table_there_is_no_snomed_code(note):
    assert SNOMED not in str(transaction(note))


@pytest.mark.parametrize("line", ["migraine\t37796008", "migraine", "\t37796009\tMigraine", "migraine\tG43.909\tx"])
def test_a_line_that_is_no_code_is_refused_by_its_number(codes, line):
    codes.write_text(f"{CODES}{line}\n")
    with pytest.raises(PermanentError, match=r"^line 5 of "):
        table(codes)


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PermanentError, match="CLINQ_SNOMED"):
        table(tmp_path / "missing.tsv")


def test_the_settings_reach_the_stage_that_writes_the_bundle(note, codes, desk):
    settings = Settings(fhir_medication="request", snomed=codes)
    plan = run.as_chosen({StageName.ASSEMBLE: ModelVersion("fhir", "rules")}, settings)
    (done,) = stage.load(StageName.ASSEMBLE, plan[StageName.ASSEMBLE], Device()).run([note], desk)
    written = read(done.bundle or "{}")
    assert done.warnings == ()
    assert len(resources(written, "MedicationRequest")) == 1
    assert one(written, "Condition")["code"]["coding"][-1]["code"] == "37796009"


@pytest.mark.parametrize(
    ("system", "code", "right"),
    [
        (LOINC, "8480-6", True), (LOINC, "8480-7", False), (LOINC, "2160-0", True), (SNOMED, "73211009", True),
        (SNOMED, "73211008", False), (SNOMED, "7321100", False), (SNOMED, "", False), ("http://x.example", "1", False),
    ],
)  # fmt: skip
def test_a_check_digit_tells_a_slip(system, code, right):
    assert is_code(system, code, {**CLINICAL, **LICENSED}) is right
