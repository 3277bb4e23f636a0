"""The tagger's training: that it learns, leaves open what a corpus does not say, and goes on where it was cut off."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from shared.errors import MissingInputError
from tests.worker import tiny_bert, tiny_tagger
from worker.tagger import Tagger
from worker.tagger_chain import Entity, spans_of
from worker.tagger_net import LABELS, TaggerNet
from worker.training import ner, ner_data, ner_report
from worker.training.ner_data import BC5CDR, NCBI, Sentence


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_bert.make(tmp_path / "tiny-bert")


def test_training_learns_its_examples_and_ships_them_in_half_precision(tmp_path: Path) -> None:
    _, adapter = tiny_tagger.make(tmp_path)
    report = json.loads((adapter / "report.json").read_text())
    assert report["devel"]["bc5cdr"]["all"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert "| bc5cdr | Disease | 1.000 | 1.000 | 1.000 |" in (adapter / "README.md").read_text()
    assert {each.dtype for each in load_file(adapter / "head.safetensors").values()} == {torch.float16}
    assert "Zorbitis" not in "".join(each.read_text() for each in adapter.glob("*.[jm][sd]*"))
    assert str(tmp_path) not in (adapter / "adapter_config.json").read_text()


def test_a_run_that_was_cut_off_ends_with_the_weights_of_one_in_a_piece(base: Path, tmp_path: Path) -> None:
    def cut(_: TaggerNet, epochs: int) -> float:
        if epochs == 3:
            raise KeyboardInterrupt
        return float(epochs)

    plan = ner.Plan(epochs=4, batch_tokens=16, learning_rate=1e-2, rank=4, checkpoint_steps=3)
    learn = tiny_tagger.sentences()
    whole = ner.train(base, learn, plan, tmp_path / "whole", tiny_tagger.last_is_best())
    with pytest.raises(KeyboardInterrupt):
        ner.train(base, learn, plan, tmp_path / "work", cut)
    seen: list[int] = []

    def watch(_: TaggerNet, epochs: int) -> float:
        seen.append(epochs)
        return float(epochs)

    resumed = ner.train(base, learn, plan, tmp_path / "work", watch)
    assert seen == [3, 4]
    assert torch.equal(resumed.net.head.weight, whole.net.head.weight)
    assert torch.equal(resumed.net.chain.follows, whole.net.chain.follows)


def test_where_a_corpus_says_nothing_of_chemicals_its_o_may_be_one() -> None:
    words, labels = ("zorbafen", "for", "fever"), ("O", "O", "B-Disease")
    may = Sentence(words, labels, NCBI).allowed(LABELS)
    assert may[0] == [True, True, True, False, False]
    assert may[2] == [False, False, False, True, False]
    assert Sentence(words, labels, BC5CDR).allowed(LABELS)[0] == [True, False, False, False, False]


def test_what_lies_past_a_row_is_left_open() -> None:
    short = Sentence(("fever",), ("B-Disease",), BC5CDR)
    long = Sentence(("no", "fever"), ("O", "B-Disease"), BC5CDR)
    assert ner_data.allowed([short, long], LABELS)[0, 1].all()


class Reader:
    """A tagger that finds what it was told."""

    def __init__(self, found: Sequence[Sequence[Entity]]) -> None:
        self.found = found

    def entities(self, rows: Sequence[Sequence[str]]) -> Sequence[Sequence[Entity]]:
        assert len(rows) == len(self.found)
        return self.found


def test_an_entity_counts_only_with_kind_first_and_last_word_right() -> None:
    held = [Sentence(("a", "b", "c", "d"), ("B-Disease", "I-Disease", "O", "B-Chemical"), BC5CDR)]
    almost = [Entity("Disease", 0, 0, 1.0), Entity("Disease", 3, 3, 1.0), Entity("Chemical", 3, 3, 1.0)]
    scored = ner_report.score(_reader([almost]), held)
    assert scored.kinds["Disease"] == ner_report.Tally(right=0, found=2, wanted=1)
    assert scored.kinds["Chemical"] == ner_report.Tally(right=1, found=1, wanted=1)
    assert (scored.micro.precision, scored.micro.recall, scored.micro.f1) == (1 / 3, 1 / 2, 2 / 5)


def test_chemicals_do_not_count_against_a_model_on_a_corpus_of_diseases() -> None:
    held = [Sentence(("a", "b"), ("O", "B-Disease"), NCBI)]
    scored = ner_report.score(_reader([[Entity("Chemical", 0, 0, 1.0), Entity("Disease", 1, 1, 1.0)]]), held)
    assert scored.micro == ner_report.Tally(right=1, found=1, wanted=1)


def _reader(found: Sequence[Sequence[Entity]]) -> Tagger:
    return Reader(found)  # type: ignore[return-value]  # it does what the score asks of a tagger


def test_spans_are_read_as_conlleval_reads_them() -> None:
    labels = ("I-Disease", "I-Disease", "B-Disease", "I-Chemical", "O", "B-Chemical")
    assert spans_of(labels) == [("Disease", 0, 1), ("Disease", 2, 2), ("Chemical", 3, 3), ("Chemical", 5, 5)]


def test_data_that_is_not_there_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="pass --data") as raised:
        ner_data.sentences(tmp_path, BC5CDR, "train")
    assert str(tmp_path) not in str(raised.value)


def test_sentences_are_read_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / BC5CDR).mkdir()
    (tmp_path / BC5CDR / "devel.tsv").write_text("No\tO\nfever\tB-Disease\n\nPain\tB-Disease\n\n")
    read = ner_data.sentences(tmp_path, BC5CDR, "devel")
    assert [each.words for each in read] == [("No", "fever"), ("Pain",)]
    assert read[0].labels == ("O", "B-Disease")
