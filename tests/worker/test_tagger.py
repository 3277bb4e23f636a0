"""The tagger: offsets in the very text, long sentences in windows, probabilities that are those of the CRF."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
import torch

from shared.errors import JobStoppedError, ModelUnavailableError
from tests.worker import tiny_tagger
from worker import tagger
from worker.tagger import Tagger, cut
from worker.tagger_chain import Chain, spans_of
from worker.tagger_net import LABELS, Encoded
from worker.tagger_words import spelling, words


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tiny_tagger.make(tmp_path_factory.mktemp("tagger"))


@pytest.fixture(scope="module")
def tiny(made: tuple[Path, Path]) -> Tagger:
    return tagger.read(*made)


def found(model: Tagger, *texts: str) -> list[list[tuple[str, str]]]:
    return [
        [(each.kind, text[each.start : each.end]) for each in entities]
        for text, entities in zip(texts, model.tag(texts), strict=True)
    ]


def test_offsets_hold_with_an_emoji_combining_accents_and_carriage_returns(tiny: Tagger) -> None:
    text = "the pa\u0301tient has\r\nZorbitis 🙂🙂 and\ttakes  zorbafen\r\n"
    assert found(tiny, text) == [[("Disease", "Zorbitis"), ("Chemical", "zorbafen")]]


def test_sentences_come_back_in_their_order_whatever_the_batches(tiny: Tagger) -> None:
    texts = ["the patient has a fever", "", "🙂", "Zorbitis, no cough", "zorbafen and quixol with pain" + " ." * 60]
    together = found(tiny, *texts)
    assert together == [found(tiny, each)[0] for each in texts]
    assert together[1:4] == [[], [], [("Disease", "Zorbitis")]]


def test_a_sentence_longer_than_a_window_is_read_whole_and_nothing_twice(tiny: Tagger) -> None:
    text = "the patient has Zorbitis and takes zorbafen . " * 60
    every = [("Disease", "Zorbitis"), ("Chemical", "zorbafen")] * 60
    assert found(tiny, text) == [every]


def test_windows_speak_for_each_word_once() -> None:
    count = 500
    pieces = (101, *range(1000, 1000 + count), 102)
    whole = Encoded(pieces, (0, *range(1, count + 1), 0), tuple(f"w{at}" for at in range(count)))
    stretches = list(cut(3, whole, 128))
    assert [each.end for each in stretches[:-1]] == [each.begin for each in stretches[1:]]
    assert (stretches[0].begin, stretches[-1].end) == (0, count)
    for each in stretches:
        assert len(each.encoded.pieces) <= 128
        assert each.first <= each.begin
        assert each.encoded.words == whole.words[each.first : each.first + len(each.encoded.words)]
        assert each.encoded.pieces[1:-1] == pieces[each.first + 1 : each.first + 1 + len(each.encoded.words)]


def test_a_word_of_more_pieces_than_a_window_is_cut() -> None:
    whole = Encoded((101, *[7] * 300, 102), (0, *[1] * 300, 0), ("x" * 900,))
    (only,) = cut(0, whole, 128)
    assert len(only.encoded.pieces) == 128


def test_a_cancel_is_heard_between_batches(tiny: Tagger) -> None:
    heard = []

    def listen() -> None:
        heard.append(1)
        if len(heard) == 2:
            raise JobStoppedError("cancelled")

    with pytest.raises(JobStoppedError):
        tiny.tag(["zorbafen and quixol with pain" + " ." * 50] * 40, listen)
    assert len(heard) == 2


@pytest.fixture
def chain() -> Chain:
    torch.manual_seed(3)
    made = Chain(LABELS)
    made.requires_grad_(False).follows.normal_()
    return made


def weight(chain: Chain, emissions: torch.Tensor, path: tuple[int, ...]) -> float:
    total = float(emissions[0, path[0]] + torch.Tensor(chain.forbidden_first)[path[0]])
    for at in range(1, len(path)):
        total += float(chain.steps[path[at - 1], path[at]] + emissions[at, path[at]])
    return total


def test_sums_and_the_best_path_are_those_over_all_sequences(chain: Chain) -> None:
    emissions = torch.randn(2, 4, len(LABELS))
    inside = torch.tensor([[True] * 4, [True, True, False, False]])
    for row, length in ((0, 4), (1, 2)):
        paths = list(itertools.product(range(len(LABELS)), repeat=length))
        weights = torch.tensor([weight(chain, emissions[row], path) for path in paths])
        assert float(chain(emissions, inside)[row]) == pytest.approx(float(weights.logsumexp(0)), abs=1e-4)
        assert chain.best(emissions, inside)[row] == list(paths[int(weights.argmax())])


def test_an_entity_s_score_is_the_share_of_the_sequences_that_have_it(chain: Chain) -> None:
    emissions = torch.randn(1, 4, len(LABELS))
    emissions[0, 1, LABELS.index("B-Disease")] += 4
    inside = torch.ones(1, 4, dtype=torch.bool)
    (entities,) = chain.entities(emissions, inside)
    assert entities
    paths = list(itertools.product(range(len(LABELS)), repeat=4))
    shares = torch.tensor([weight(chain, emissions[0], path) for path in paths]).softmax(0)
    for each in entities:
        has = [(each.kind, each.first, each.last) in spans_of([LABELS[at] for at in path]) for path in paths]
        assert each.score == pytest.approx(float(shares[torch.tensor(has)].sum()), abs=1e-4)


def test_no_path_begins_or_goes_on_inside_an_entity_of_another_kind(chain: Chain) -> None:
    emissions = torch.zeros(1, 3, len(LABELS))
    emissions[..., LABELS.index("I-Disease")] = 50.0
    (path,) = chain.best(emissions, torch.ones(1, 3, dtype=torch.bool))
    labels = [LABELS[each] for each in path]
    assert not labels[0].startswith("I-")
    assert labels[1:] == ["I-Disease", "I-Disease"]


def test_words_are_cut_as_the_corpora_cut_them() -> None:
    text = "22-oxacalcitriol (5 mg/kg)_é\u0301a."
    assert [text[each.start : each.end] for each in words(text)] == [
        "22", "-", "oxacalcitriol", "(", "5", "mg", "/", "kg", ")", "_", "é\u0301a", ".",
    ]  # fmt: skip


def test_spelling_tells_capitals_and_endings_apart() -> None:
    assert spelling("APC2").shape != spelling("apc2").shape
    assert set(spelling("aspirin").groups) & set(spelling("heparin").groups)
    assert spelling("x" * 10_000).groups


def test_weights_that_do_not_fit_are_refused_without_their_folder(made: tuple[Path, Path], tmp_path: Path) -> None:
    base, adapter = made
    broken = shutil.copytree(adapter, tmp_path / "broken")
    (broken / "head.safetensors").write_bytes(b"no weights")
    for wrong in ((base, broken), (tmp_path / "nothing", adapter), (base, tmp_path / "nothing")):
        with pytest.raises(ModelUnavailableError) as raised:
            tagger.read(*wrong)
        assert str(tmp_path) not in str(raised.value)
