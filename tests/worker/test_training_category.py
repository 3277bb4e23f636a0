"""The category model's training: what it learns from, that it learns, and that it goes on where it was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from shared.errors import MissingInputError
from tests.worker import tiny_bert
from worker import classifier
from worker.clinical.categories import category_names, of_icd10
from worker.training import category, category_data, category_report, judged
from worker.training.category import Corpus, Plan
from worker.training.category_data import Example

LEARN = [
    Example(text, label, f"note {at}")
    for at, (text, label) in enumerate(
        [
            ("the patient has chest pain", "cardiovascular"),
            ("heart pain", "cardiovascular"),
            ("cough and wheeze", "respiratory"),
            ("the patient has cough with sputum", "respiratory"),
            ("itching rash", "dermatological"),
            ("a rash and itch, skin", "dermatological"),
            ("low mood", "mental-health"),
            ("the patient has low mood, hopeless and sad", "mental-health"),
        ]
    )
]
PLAN = Plan(epochs=25, batch=4, learning_rate=2e-2, checkpoint_steps=20)
OBO = """format-version: 1.2

[Term]
id: HP:0001626
name: Abnormality of the cardiovascular system

[Term]
id: HP:0000001
name: Racing heart
synonym: "Heart beats fast" EXACT layperson []
synonym: "Tachycardia X" EXACT []
is_a: HP:0001626 ! Abnormality of the cardiovascular system

[Term]
id: HP:0000002
name: Gone
is_obsolete: true
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_bert.make(tmp_path / "tiny-bert")


def test_training_learns_its_examples(base: Path, tmp_path: Path) -> None:
    model, _ = category.train(base, LEARN, PLAN, tmp_path / "work")
    labels = model.about.labels
    best = [labels[row.index(max(row))] for row in model.score([each.text for each in LEARN])]
    assert best == [each.label for each in LEARN]


def test_a_run_that_was_cut_off_ends_with_the_weights_of_one_in_a_piece(base: Path, tmp_path: Path) -> None:
    whole, _ = category.train(base, LEARN, PLAN, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        category.train(base, Cut(LEARN, after=300), PLAN, tmp_path / "work")
    rest = Cut(LEARN, after=10_000)
    resumed, _ = category.train(base, rest, PLAN, tmp_path / "work")
    assert rest.reads < 2 * PLAN.epochs * len(LEARN)  # each is read to sort it and to learn it
    assert torch.equal(resumed.head.weight, whole.head.weight)


class Cut(list[Example]):
    """Examples that stop whoever reads them too often."""

    def __init__(self, examples: list[Example], *, after: int) -> None:
        super().__init__(examples)
        self.after = after
        self.reads = 0

    def __getitem__(self, at: int) -> Example:  # type: ignore[override]  # the trainer reads single examples
        self.reads += 1
        if self.reads > self.after:
            raise KeyboardInterrupt
        return super().__getitem__(at)


def test_what_is_written_reads_back_to_the_same_scores(base: Path, tmp_path: Path) -> None:
    model, _ = category.train(base, LEARN, PLAN, tmp_path / "work")
    before = model.score(["chest pain"])[0]
    classifier.write(model, tmp_path / "out", model.about)
    after = classifier.read(base, tmp_path / "out", device="cpu").score(["chest pain"])[0]
    assert after == pytest.approx(before, abs=5e-3)  # it is kept in half precision
    assert str(tmp_path) not in (tmp_path / "out" / "adapter_config.json").read_text()


def test_the_report_holds_figures_beside_the_baseline_and_no_text(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    model, _ = category.train(base, LEARN, PLAN, tmp_path / "work")
    model.about = judged.calibrate(model, LEARN)
    report = category_report.measure(model, Corpus(LEARN, LEARN, LEARN), LEARN, cpu_seconds=1, plan={"seed": 1})
    category_report.write(report, tmp_path)
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["accuracy"] == {"held_out_names": 1.0, "held_out_notes": 1.0, "sample": 1.0}
    assert set(stored["accuracy_tfidf_logistic_regression"]) == set(stored["accuracy"])
    card = (tmp_path / "README.md").read_text()
    assert "| sample | 1.0 |" in card
    assert "chest" not in card + json.dumps(stored)


def test_phenotypes_are_labelled_by_branch_with_the_words_of_laymen(tmp_path: Path) -> None:
    (tmp_path / "hp.obo").write_text(OBO)
    found = {each.text: each.label for each in category_data.phenotype_names(tmp_path / "hp.obo")}
    assert found["Racing heart"] == found["Heart beats fast"] == "cardiovascular"
    assert not {"Tachycardia X", "Gone"} & set(found)


def test_a_term_between_two_branches_takes_the_nearer() -> None:
    parents = {"a": ("b", "HP:0002086"), "b": ("HP:0001626",)}
    assert category_data.nearest("a", parents) == {"respiratory"}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("I21.9", "cardiovascular"),
        ("I63.9", "neurological"),
        ("R51.9", "neurological"),
        ("J45.909", "respiratory"),
        ("E11.9", "endocrine-metabolic"),
        ("R45.851", "mental-health"),
        ("Z3A.10", "genitourinary-reproductive"),
        ("D50.9", "other"),
    ],
)
def test_the_narrowest_range_of_icd_10_decides(code: str, name: str) -> None:
    assert of_icd10(code) == name


def test_composed_notes_are_even_over_the_labels_and_the_same_for_a_seed() -> None:
    made = category_data.compose(LEARN, 40, seed=3)
    assert made == category_data.compose(LEARN, 40, seed=3)
    assert {label: sum(each.label == label for each in made) for label in {each.label for each in LEARN}} == {
        "cardiovascular": 10,
        "respiratory": 10,
        "dermatological": 10,
        "mental-health": 10,
    }


def test_a_note_that_retells_one_of_the_sample_is_left_out_with_its_dialogue() -> None:
    told = "The gentleman returned today because painful swelling over the right ankle worsened after running"
    again = Example(told + " yesterday morning", "musculoskeletal", "a")
    dialogue = Example("What happened? I ran.", "musculoskeletal", "a")
    new = Example("cough with sputum", "respiratory", "b")
    assert category_data.unlike([again, dialogue, new], [Example(told, "musculoskeletal", "z")]) == [new]


def test_labelled_notes_are_read_by_id_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text(
        "ID,section_text,dialogue\n1,Rash.,Doctor: A rash?\n2,Cough.,Doctor: A cough?\n"
    )
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"source": "notes.csv", "id": "2", "label": "respiratory"}\n')
    assert [each.text for each in category_data.labelled_notes(tmp_path, labels)] == ["Cough.", "Doctor: A cough?"]


def test_data_that_is_not_there_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="pass --data"):
        category_data.labelled_notes(tmp_path)


def test_the_label_files_hold_ids_and_known_labels_only() -> None:
    sample = Path(__file__).parents[1] / "quality" / "category_sample.jsonl"
    for path in (category_data.LABELLED, sample):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            assert set(row) == {"source", "id", "label"}
            assert row["label"] in category_names()
            assert "test" not in row["source"].lower()
