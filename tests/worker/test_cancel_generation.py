"""A model that writes or judges computes nothing more once its job is stopped: no token, no layer, no batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from shared.case import Case
from shared.errors import JobStoppedError
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.counted import Count, count_layers
from tests.worker import tiny_bert
from tests.worker.says import Says
from worker import classifier
from worker.classifier import About
from worker.generate.llama import Llama, Message
from worker.generate.seq2seq import Seq2Seq
from worker.stages.classify import Classify
from worker.stages.recommend import Assisted
from worker.stages.summarize import Generated

CaseOf = Callable[..., Case]
LAYERS = 3
TEXT = "Headache for three days . Takes metformin ."
RULES = ModelVersion(name="tiny", engine="tiny")
PLACES = [1, LAYERS - 1, LAYERS, LAYERS + 1, 3 * LAYERS + 2]
"""Calls of a layer: in mid-prompt, at its end, in mid-token."""


def silent(_tokens: int, _text: str) -> None:
    """Nobody is told of the tokens: only the layers themselves can hear the cancel."""


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.train_from_iterator([TEXT], trainers.WordLevelTrainer(special_tokens=["<pad>", "</s>", "<unk>"]))
    made = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    made.chat_template = "{% for each in messages %}{{ each.content }} {% endfor %}"
    return made


@pytest.fixture
def llama(tokenizer: PreTrainedTokenizerFast) -> Llama:
    """Three thin layers of random weights that never end a sentence by themselves."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=LAYERS,
        num_attention_heads=2, num_key_value_heads=2, pad_token_id=0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return Llama(LlamaForCausalLM(config).eval(), tokenizer)


@pytest.mark.parametrize("place", PLACES)
def test_after_a_cancel_in_any_layer_a_causal_model_computes_no_further_one(llama: Llama, place: int) -> None:
    count = Count(stop_in=place)
    count_layers(llama.model, count)
    desk = RecordingDesk(is_stopped=count.is_stopped)

    with pytest.raises(JobStoppedError):
        llama.answer([Message("user", TEXT)], most_tokens=8, on_token=silent, listen=desk.listen)

    assert (count.begun.total(), count.late.total()) == (place, 0)


def test_what_listened_to_one_job_is_deaf_to_the_next(llama: Llama) -> None:
    count = Count(stop_in=2)
    count_layers(llama.model, count)
    chat = [Message("user", TEXT)]
    with pytest.raises(JobStoppedError):
        llama.answer(chat, most_tokens=8, on_token=silent, listen=RecordingDesk(is_stopped=count.is_stopped).listen)

    llama.answer(chat, most_tokens=2, on_token=silent)

    assert count.begun.total() == 2 + 2 * LAYERS


@pytest.mark.parametrize("place", PLACES)
def test_after_a_cancel_in_any_layer_a_seq2seq_model_computes_no_further_one(
    tokenizer: PreTrainedTokenizerFast, place: int
) -> None:
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=LAYERS, num_heads=2,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    count = Count(stop_in=place)
    t5 = Seq2Seq(T5ForConditionalGeneration(config).eval(), tokenizer, "summarize: ")
    count_layers(t5.model, count)
    desk = RecordingDesk(is_stopped=count.is_stopped)

    with pytest.raises(JobStoppedError):
        t5.rewrite(TEXT, most_tokens=8, on_token=silent, listen=desk.listen)

    assert (count.begun.total(), count.late.total()) == (place, 0)


def test_recommend_hears_a_cancel_while_its_model_reads_the_prompt(llama: Llama, case_of: CaseOf) -> None:
    count = Count(stop_in=1)
    count_layers(llama.model, count)
    desk = RecordingDesk(is_stopped=count.is_stopped)

    with pytest.raises(JobStoppedError):
        Assisted(RULES, llama).run([case_of("We will order an MRI in two weeks.", language="en")], desk)

    assert (count.begun.total(), count.late.total()) == (1, 0)
    assert [share for share, _, _ in desk.told] == [0.0]


def test_a_model_that_summarizes_is_handed_the_ear_of_the_desk(case_of: CaseOf) -> None:
    desk = RecordingDesk()
    stage = Generated(RULES, Says([TEXT]), window_tokens=1000, most_tokens=8)
    stage.run([case_of(TEXT)], desk)
    desk.is_stopped = lambda: True

    with pytest.raises(JobStoppedError):
        stage.run([case_of(TEXT)], desk)


@pytest.mark.parametrize("place", [1, 2, 5])
def test_after_a_cancel_in_any_batch_of_windows_a_classifier_reads_no_further_one(
    tmp_path: Path, case_of: CaseOf, place: int
) -> None:
    about = About(base="tiny", labels=("respiratory", "other"), window_tokens=32)
    scorer = classifier.begin(tiny_bert.make(tmp_path / "base"), about, 1).eval()
    count = Count(stop_in=place)
    scorer.encoder.forward = count.of("batch", scorer.encoder.forward)  # type: ignore[method-assign]
    desk = RecordingDesk(is_stopped=count.is_stopped)

    with pytest.raises(JobStoppedError):
        Classify(RULES, scorer, 0.5).run([case_of("The patient has a cough with pain. " * 400, language="en")], desk)

    assert (count.begun.total(), count.late.total()) == (place, 0)
