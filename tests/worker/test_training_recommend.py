"""What the model of plans learns from: lines that their sentences carry, and no treatment."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from worker.clinical import plans
from worker.generate import asks
from worker.training import plan_lines, recommend_data


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        ("• Additional Testing: We will order a repeat echocardiogram.", "Order a repeat echocardiogram."),
        ("The patient will follow up with me in 2 weeks.", "Follow up in 2 weeks."),
        ("I encouraged her to monitor her blood pressures at home.", "Monitor the blood pressures at home."),
        (
            "If he continues to have pain, we will obtain an MRI.",
            "Obtain an MRI if the patient continues to have pain.",
        ),
        ("We will refer him to physical therapy.", "Refer the patient to physical therapy."),
        ("Start meloxicam 15 mg once daily.", None),
        ("We will increase her lisinopril to 40 mg daily.", None),
        ("She should avoid ibuprofen.", None),
        ("He is doing well with weekly therapy.", None),
    ],
)
def test_a_sentence_of_a_plan_becomes_a_line_that_begins_with_its_act(sentence: str, line: str | None) -> None:
    assert plan_lines.line(sentence) == line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    aci = {
        "dataset": "aci",
        "encounter_id": "V1",
        "dialogue": "[doctor] let's get a chest x-ray .\n[patient] okay .\n[doctor] i'm gon na prescribe codeine .",
        "note": "HPI\n\nCough.\n\nPLAN\n\nWe will get a chest x-ray.\nWe will order an MRI.\nCodeine 15 mg.",
    }
    mts = {"ID": "7", "section_header": "PLAN", "section_text": "Return in two weeks."}
    told = {**mts, "dialogue": "Doctor: I want you to return in two weeks.\nPatient: Fine."}
    for name in ("train.csv", "valid.csv"):
        _write(tmp_path / "aci-bench" / name, aci)
    for name in ("MTS-Dialog-TrainingSet.csv", "MTS-Dialog-ValidationSet.csv", *recommend_data.AUGMENTED):
        _write(tmp_path / "mts-dialog" / name, told)
    return tmp_path


def _write(path: Path, row: dict[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)


def test_a_line_is_learnt_only_beside_sentences_that_carry_it(data: Path) -> None:
    learnt = [each for each in recommend_data.held_out(data) if each.group == "V1"]
    assert any(each.answer == "Get a chest x-ray." and "chest x-ray" in each.prompt for each in learnt)
    for each in learnt:
        assert "codeine" not in each.answer.lower()
        assert ("MRI" in each.answer) <= ("MRI" in each.prompt)


def test_the_same_epoch_sees_the_same_and_the_validation_split_is_not_in_it(data: Path) -> None:
    assert recommend_data.examples(data, 0) == recommend_data.examples(data, 0)
    assert {each.group for each in recommend_data.examples(data, 0)} <= {"own", "V1", "mts-7"}
    assert "own" not in {each.group for each in recommend_data.held_out(data)}


def test_this_projects_own_examples_teach_no_treatment(data: Path) -> None:
    own = [each for each in recommend_data.examples(data) if each.group == "own"]
    assert len(own) >= 40
    assert any(each.answer == asks.NO_PLAN for each in own)
    words = {word.strip(".,").lower() for each in own for word in each.answer.split()}
    assert not words & (plans.vocabulary().treats - {"inhaler"})
