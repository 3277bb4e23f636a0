"""A T5 that a test trains writes the summary that it learnt, and stops when the job is cancelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

from shared.case import Case
from shared.errors import JobStoppedError
from shared.job import StageName
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from worker.stage import Device, load

CaseOf = Callable[..., Case]

EXAMPLES = (
    ("patient: i have a headache for three days .", "headache for three days ."),
    ("patient: i take metformin twice daily .", "takes metformin twice daily ."),
    ("patient: my father had a stroke .", "father had a stroke ."),
)


@pytest.fixture(scope="module")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 of two thin layers, trained here until it knows its three examples by heart."""
    folder = tmp_path_factory.mktemp("t5")
    words = Tokenizer(models.WordLevel(unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordLevelTrainer(special_tokens=["<pad>", "</s>", "<unk>"])
    words.train_from_iterator([f"summarize: {source} {target}" for source, target in EXAMPLES], trainer)
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, dropout_rate=0.0,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
    )  # fmt: skip
    model = T5ForConditionalGeneration(config)
    inputs = tokenizer([f"summarize: {source}" for source, _ in EXAMPLES], padding=True, return_tensors="pt")
    labels = tokenizer([target for _, target in EXAMPLES], padding=True, return_tensors="pt").input_ids
    labels[labels == 0] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, labels=labels).loss
        if loss.item() < 0.01:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("source", "target"), EXAMPLES)
def test_a_trained_t5_writes_the_summary_it_learned(tiny_t5: Path, case_of: CaseOf, source: str, target: str) -> None:
    model = ModelVersion(name="tiny-t5", engine="seq2seq", path=tiny_t5)
    [done] = load(StageName.SUMMARIZE, model, Device()).run([case_of(source, language="en")], RecordingDesk())
    assert [each.text for each in done.summary] == [target]
    assert all(each.evidence for each in done.summary)
    assert done.warnings == ()


def test_a_t5_stops_when_the_job_is_cancelled(tiny_t5: Path, case_of: CaseOf) -> None:
    stage = load(StageName.SUMMARIZE, ModelVersion(name="tiny-t5", engine="seq2seq", path=tiny_t5), Device())
    desk = RecordingDesk(stop_after=1)
    with pytest.raises(JobStoppedError):
        stage.run([case_of(EXAMPLES[0][0])], desk)
    assert len(desk.told) == 1
