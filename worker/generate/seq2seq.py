"""Any AutoModelForSeq2SeqLM from a folder: T5 and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel
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
from worker.generate.following import Follow, ends
from worker.generate.streaming import OnToken, Rows, Unfolding
from worker.generate.writer import Form, Message, Most, OnRow, batches, of_each
from worker.interrupt import interruptible
from worker.stage import Device, Listen, undisturbed

NO_REPEAT_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Seq2Seq:
    """A loaded model that rewrites a text."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    prefix: str
    form: Form = "rewrites"

    def rewrite(self, text: str, *, most_tokens: int, on_token: OnToken, listen: Listen = undisturbed) -> str:
        """The most likely rewriting; what `on_token` or `listen` raises leaves at once, in the encoder too."""
        [written] = self.write(
            [f"{self.prefix}{text}"],
            most_tokens=most_tokens,
            on_token=lambda _row, tokens, text: on_token(tokens, text),
            listen=listen,
        )
        return written.strip()

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        """The last turn behind the model's prefix; raises ValueError where an answer has to begin with something."""
        if begin:
            raise ValueError("a model that rewrites cannot be told how to begin")
        return f"{self.prefix}{chat[-1].content}"

    def write(
        self,
        prompts: Sequence[str],
        *,
        most_tokens: Most,
        on_token: OnRow,
        listen: Listen,
        stop_at_line: bool = False,
        static: str = "",
    ) -> list[str]:
        """What the model makes of each prompt (see Writer); `static` is read anew with each of them."""
        texts = [f"{static}{prompt}" for prompt in prompts]
        written, most = [""] * len(texts), of_each(most_tokens, len(texts))
        stops = ends(self.model.generation_config)
        with torch.inference_mode(), interruptible(self.model, listen):
            for batch in batches(self.lengths(texts), max(most, default=0)):
                inputs = self.tokenizer([texts[row] for row in batch], return_tensors="pt", padding=len(batch) > 1)
                shown = Rows(batch, on_token, [most[row] for row in batch])
                unfolding = Unfolding(self.tokenizer, shown, stops, stop_at_line=stop_at_line)
                self.model.generate(  # type: ignore[operator]  # transformers types it as a tensor
                    input_ids=inputs["input_ids"].to(self.model.device),
                    attention_mask=inputs["attention_mask"].to(self.model.device),
                    max_new_tokens=max(shown.most),
                    do_sample=False,
                    no_repeat_ngram_size=NO_REPEAT_TOKENS,
                    stopping_criteria=StoppingCriteriaList([Follow(unfolding)]),
                )
                for row, text in zip(batch, unfolding.texts(), strict=True):
                    written[row] = text
        return written

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
        bare: PreTrainedModel | PeftModel = AutoModelForSeq2SeqLM.from_pretrained(
            model.path, dtype=torch.float32, local_files_only=True
        )
        if model.adapter is not None:
            bare = PeftModel.from_pretrained(bare, model.adapter)
        tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailableError(f"the weights of {model.name} do not load ({type(error).__name__})") from error
    bare = bare.to(device.name)  # type: ignore[arg-type]  # its wrapper hides the argument
    return Seq2Seq(bare.eval(), tokenizer, model.options.get("prefix", "summarize: "))
