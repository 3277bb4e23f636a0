"""Any AutoModelForSeq2SeqLM from a folder: T5 and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
)
from transformers.utils.logging import disable_progress_bar

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.generate.streaming import OnToken, StopOnLoop, TokenStreamer
from worker.interrupt import interruptible
from worker.stage import Device, Listen, undisturbed

NO_REPEAT_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Seq2Seq:
    """A loaded model that rewrites a text."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prefix: str

    def rewrite(self, text: str, *, most_tokens: int, on_token: OnToken, listen: Listen = undisturbed) -> str:
        """The most likely rewriting; what `on_token` or `listen` raises leaves at once, in the encoder too."""
        inputs = self.tokenizer(f"{self.prefix}{text}", return_tensors="pt").to(self.model.device)
        with torch.inference_mode(), interruptible(self.model, listen):
            [written] = self.model.generate(  # type: ignore[operator]  # transformers types it as a tensor
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                max_new_tokens=most_tokens,
                do_sample=False,
                no_repeat_ngram_size=NO_REPEAT_TOKENS,
                streamer=TokenStreamer(self.tokenizer, on_token),
                stopping_criteria=StoppingCriteriaList([StopOnLoop(1)]),
            )
        return str(self.tokenizer.decode(written, skip_special_tokens=True)).strip()

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def load(model: ModelVersion, device: Device) -> Seq2Seq:
    """Read the weights from the model's folder; raises ModelUnavailableError when they are not there or do not fit."""
    if model.path is None or not (model.path / "config.json").is_file():
        raise ModelUnavailableError(f"no weights of {model.name}: put an AutoModelForSeq2SeqLM into its folder")
    torch.set_num_threads(device.threads)
    disable_progress_bar()
    try:
        # float32 on every device: T5 overflows in float16, and bfloat16 is slow on CPU.
        loaded = AutoModelForSeq2SeqLM.from_pretrained(model.path, dtype=torch.float32, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailableError(f"the weights of {model.name} do not load ({type(error).__name__})") from error
    return Seq2Seq(loaded.to(device.name).eval(), tokenizer, model.options.get("prefix", "summarize: "))
