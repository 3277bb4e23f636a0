"""The section header model's training: what stands on which side of the split, that it learns, and what it writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shared.errors import MissingInputError
from tests.worker import tiny_bert
from worker import classifier
from worker.training import header, header_data, header_report
from worker.training.header import Plan
from worker.training.header_data import Dialogue

LEARN = [
    Dialogue("Doctor: pain?\nPatient: chest pain with fever.", "CC", "1", ("the patient has chest pain and fever",)),
    Dialogue("chest pain, knee pain and headache", "CC", "2"),
    Dialogue("Doctor: rash?\nPatient: itch and a rash.", "ROS", "3", ("skin rash with itch",)),
    Dialogue("no rash, no itch and no cough", "ROS", "4"),
    Dialogue("hopeless and sad mood", "GENHX", "5"),
    Dialogue("low mood, sad", "GENHX", "6"),
]
PLAN = Plan(epochs=25, batch=3, learning_rate=2e-2, layers=1, checkpoint_steps=10)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_bert.make(tmp_path / "tiny-bert")


def write_set(folder: Path, name: str, rows: list[tuple[str, str, str]]) -> None:
    (folder / header_data.FOLDER).mkdir(exist_ok=True)
    with (folder / header_data.FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerows([("ID", "section_header", "section_text", "dialogue"), *((a, b, "note", c) for a, b, c in rows)])


def test_translations_stand_beside_their_dialogue_and_retellings_in_its_group(tmp_path: Path) -> None:
    plain = "Doctor: Where does your shoulder hurt? Patient: Behind, since Monday, after swimming."
    again = "Doctor: Where does your shoulder hurt? Patient: Behind, since Monday, after swimming again."
    rows = [("0", "CC", plain), ("1", "CC", again), ("2", "ALLERGY", "Doctor: Any allergies? Patient: No.")]
    translated = [("TR=EN-FR-EN 0", "CC", "Doctor: Where is the pain?"), ("TR=EN-ES-EN 2", "ALLERGY", "Allergic? No.")]
    write_set(tmp_path, header_data.AUGMENTED, [*rows, *translated])
    found = header_data.training(tmp_path)
    assert [(each.group, each.retold) for each in found] == [
        ("0", ("Doctor: Where is the pain?",)),
        ("0", ()),
        ("2", ("Allergic? No.",)),
    ]
    with pytest.raises(MissingInputError):
        header_data.validation(tmp_path)


def test_no_group_stands_on_both_sides_of_the_split() -> None:
    many = [Dialogue(f"text {at}", "CC", str(at // 3)) for at in range(90)]
    learn, held = header_data.split(many, 5, seed=1)
    assert len(learn) + len(held) == len(many)
    assert len(held) == 18
    assert not {each.group for each in learn} & {each.group for each in held}
    assert header_data.split(many, 5, seed=1) == (learn, held)


def test_a_dialogue_without_its_speakers_keeps_every_other_word() -> None:
    assert (
        header_data.without_speakers("Doctor: Any pain?\nGuest_family: Yes: at night.") == "Any pain?\nYes: at night."
    )


def test_training_learns_its_examples_and_ships_them_with_report_and_card(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    model, seconds = header.train(base, LEARN, PLAN, tmp_path / "work")
    header_report.ship(model, LEARN, LEARN, LEARN, tmp_path / "out", {"seed": 1}, seconds)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["accuracy"] == {"held_out": 1.0, "validation": 1.0}
    assert report["validation_by_label"] == {"CC": "2 of 2", "GENHX": "2 of 2", "ROS": "2 of 2"}
    assert "| validation | 1.0 |" in (tmp_path / "out" / "README.md").read_text()
    assert "chest" not in "".join(each.read_text() for each in (tmp_path / "out").glob("*.[jm][sd]*"))
    assert {each.dtype for each in load_file(tmp_path / "out" / "head.safetensors").values()} == {torch.float16}
    read = classifier.read(base, tmp_path / "out", device="cpu")
    best = [read.about.labels[row.index(max(row))] for row in read.score([each.text for each in LEARN])]
    assert best == [each.label for each in LEARN]


def test_only_the_layers_of_the_plan_learn_and_a_resumed_run_ends_alike(base: Path, tmp_path: Path) -> None:
    whole, _ = header.train(base, LEARN, PLAN, tmp_path / "whole")
    names = {name for name, value in whole.named_parameters() if value.requires_grad}
    assert names
    assert all(".layer.1." in name for name in names if "lora" in name)
    again, seconds = header.train(base, LEARN, PLAN, tmp_path / "whole")  # from its last checkpoint: nothing to do
    assert torch.equal(again.head.weight, whole.head.weight)
    assert seconds < 600
