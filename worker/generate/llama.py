"""A causal language model with its chat template and, where there is one, our LoRA adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteriaList,
)
from transformers.utils.logging import disable_progress_bar

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.generate.following import Follow, ends
from worker.generate.quantised import quantised
from worker.generate.streaming import OnToken, Rows, Unfolding
from worker.generate.writer import Form, Message, Most, OnRow, batches, first_line, of_each, templated
from worker.interrupt import interruptible
from worker.stage import Device, Listen, undisturbed

REPETITION_PENALTY = 1.1
NO_REPEAT_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Llama:
    """A loaded model that continues prompts and answers chats."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase
    repetition_penalty: float = REPETITION_PENALTY
    no_repeat_tokens: int = NO_REPEAT_TOKENS
    form: Form = "continues"

    def complete(
        self,
        chat: Sequence[Message],
        begin: str,
        *,
        most_tokens: int,
        on_token: OnToken,
        listen: Listen = undisturbed,
    ) -> str:
        """The line that the most likely answer starts with when it has to start with `begin`."""
        [line] = self.write(
            [self.prompt(chat, begin)],
            most_tokens=most_tokens,
            on_token=lambda _row, tokens, text: on_token(tokens, text),
            listen=listen,
            stop_at_line=True,
        )
        return first_line(begin + line).strip()

    def answer(
        self, chat: Sequence[Message], *, most_tokens: int, on_token: OnToken, listen: Listen = undisturbed
    ) -> str:
        """The most likely answer; the same chat gives the same answer.

        What `on_token` or `listen` raises (JobStoppedError) leaves at once: no further token, and no further layer of
        a long prompt, is computed.
        """
        [text] = self.write(
            [self.prompt(chat)],
            most_tokens=most_tokens,
            on_token=lambda _row, tokens, text: on_token(tokens, text),
            listen=listen,
        )
        return text

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        """The chat by the model's template; no text of a message can end its turn."""
        return templated(self.tokenizer, chat, begin)

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
        """What the model writes after each prompt (see Writer); `static` is read anew with each of them."""
        [lead, *rows] = self._tokens([static, *prompts])
        written, most = [""] * len(prompts), of_each(most_tokens, len(prompts))
        with torch.inference_mode(), interruptible(self.model, listen):
            for batch in batches([len(lead) + len(row) for row in rows], max(most, default=0)):
                shown = Rows(batch, on_token, [most[row] for row in batch])
                unfolding = Unfolding(self.tokenizer, shown, self._ends(), stop_at_line=stop_at_line)
                self.model.generate(  # type: ignore[operator]  # transformers types it as a tensor
                    **padded([lead + rows[row] for row in batch], self.model.device),
                    max_new_tokens=max(shown.most),
                    do_sample=False,
                    repetition_penalty=self.repetition_penalty,
                    no_repeat_ngram_size=self.no_repeat_tokens,
                    stopping_criteria=StoppingCriteriaList([Follow(unfolding)]),
                )
                for row, text in zip(batch, unfolding.texts(), strict=True):
                    written[row] = text
        return written

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self._tokens(texts)]

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        return list(self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]) if texts else []

    def _ends(self) -> set[int]:
        return ends(self.model.generation_config)


def padded(rows: Sequence[list[int]], device: torch.device) -> dict[str, torch.Tensor]:
    """The rows of a causal model's batch, padded on the left.

    What stands in the gap is never read; it is the row's own first token, so that a penalty on tokens that were there
    falls on the same ones as without a gap, and a row in a batch writes what it writes alone.
    """
    longest = max(len(row) for row in rows)
    ids = [row[:1] * (longest - len(row)) + row for row in rows]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return {"input_ids": torch.tensor(ids, device=device), "attention_mask": torch.tensor(mask, device=device)}


def load(model: ModelVersion, device: Device) -> Llama:
    """Read the weights from the model's folder; raises ModelUnavailableError when they are not there or do not fit."""
    if model.path is None or not (model.path / "config.json").is_file():
        raise ModelUnavailableError(f"no weights of {model.name}: run `clinq models pull` where torch is installed")
    bits = quantised(model, device)
    torch.set_num_threads(device.threads)
    disable_progress_bar()
    try:
        # On CPU float32 always: bfloat16 is seven to ten times slower there, and transformers would keep it.
        dtype = torch.float32 if device.name == "cpu" else torch.bfloat16
        bare: PreTrainedModel | PeftModel = AutoModelForCausalLM.from_pretrained(
            model.path, dtype=dtype, local_files_only=True, quantization_config=bits, device_map=bits and device.name
        )
        tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=True)
        if model.adapter is not None:
            bare = PeftModel.from_pretrained(bare, model.adapter)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailableError(f"the weights of {model.name} do not load ({type(error).__name__})") from error
    if bits is None:  # in 4 or 8 bits it was read onto the GPU, and cannot be moved
        bare = bare.to(device.name)  # type: ignore[arg-type]  # its wrapper hides the argument
    return Llama(
        bare.eval(),
        tokenizer,
        float(model.options.get("repetition_penalty", REPETITION_PENALTY)),
        int(model.options.get("no_repeat_tokens", NO_REPEAT_TOKENS)),
    )
