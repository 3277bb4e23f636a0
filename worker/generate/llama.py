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
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.utils.logging import disable_progress_bar

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.generate.streaming import OnToken, StopOnLine, StopOnLoop, TokenStreamer
from worker.interrupt import interruptible
from worker.stage import Device, Listen, undisturbed

CONTEXT_TOKENS = 8192
REPETITION_PENALTY = 1.1
NO_REPEAT_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the chat: role is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Llama:
    """A loaded model that answers chats."""

    model: PreTrainedModel | PeftModel
    tokenizer: PreTrainedTokenizerBase

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
        stop = StopOnLine(self.tokenizer)
        with interruptible(self.model, listen):
            return self._write(chat, begin, most_tokens, on_token, stop).partition("\n")[0].strip()

    def answer(
        self, chat: Sequence[Message], *, most_tokens: int, on_token: OnToken, listen: Listen = undisturbed
    ) -> str:
        """The most likely answer; the same chat gives the same answer.

        What `on_token` or `listen` raises (JobStoppedError) leaves at once: no further token, and no further layer of
        a long prompt, is computed.
        """
        with interruptible(self.model, listen):
            return self._write(chat, "", most_tokens, on_token)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    def _write(
        self, chat: Sequence[Message], begin: str, most_tokens: int, on_token: OnToken, *stops: StoppingCriteria
    ) -> str:
        inputs = self.encode(chat, begin)
        asked = int(inputs["input_ids"].shape[1])
        with torch.inference_mode():
            [written] = self.model.generate(  # type: ignore[operator]  # transformers types it as a tensor
                **inputs,
                max_new_tokens=most_tokens,
                do_sample=False,
                repetition_penalty=REPETITION_PENALTY,
                no_repeat_ngram_size=NO_REPEAT_TOKENS,
                streamer=TokenStreamer(self.tokenizer, on_token),
                stopping_criteria=StoppingCriteriaList([StopOnLoop(asked), *stops]),
            )
        return begin + str(self.tokenizer.decode(written[asked:], skip_special_tokens=True))

    def encode(self, chat: Sequence[Message], begin: str = "") -> dict[str, torch.Tensor]:
        """The prompt's tokens; no text of a message can end its turn."""
        turns = [{"role": each.role, "content": _as_data(each.content)} for each in chat]
        prompt = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        inputs = self.tokenizer(f"{prompt}{begin}", return_tensors="pt", add_special_tokens=False)
        return {name: tensor.to(self.model.device) for name, tensor in inputs.items()}


def load(model: ModelVersion, device: Device) -> Llama:
    """Read the weights from the model's folder; raises ModelUnavailableError when they are not there or do not fit."""
    if model.path is None or not (model.path / "config.json").is_file():
        raise ModelUnavailableError(f"no weights of {model.name}: run `clinq models pull` where torch is installed")
    torch.set_num_threads(device.threads)
    disable_progress_bar()
    try:
        # On CPU float32 always: bfloat16 is seven to ten times slower there, and transformers would keep it.
        dtype = torch.float32 if device.name == "cpu" else torch.bfloat16
        bare: PreTrainedModel | PeftModel = AutoModelForCausalLM.from_pretrained(
            model.path, dtype=dtype, local_files_only=True
        )
        tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=True)
        if model.adapter is not None:
            bare = PeftModel.from_pretrained(bare, model.adapter)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnavailableError(f"the weights of {model.name} do not load ({type(error).__name__})") from error
    return Llama(bare.to(device.name).eval(), tokenizer)  # type: ignore[arg-type]  # its wrapper hides the argument


def _as_data(content: str) -> str:
    """Text that cannot end its turn: the marks of the chat template lose their meaning."""
    return content.replace("<|", "< |").replace("|>", "| >")
