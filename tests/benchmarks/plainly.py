"""Plain transformers: one prompt after the other through `generate`, in float32, until the model ends its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch

from shared.job import StageName
from worker.bench import Bench
from worker.generate.llama import Llama
from worker.generate.writer import Form, Message, Most, OnRow, first_line, of_each
from worker.stage import Listen

MOST_TOKENS = 192
"""The longest summary that the model learnt from has about so many; nothing else ends one that goes in circles."""


class Plain:
    """worker.generate.writer.Writer as anybody would write it in three lines: no batches, nothing read once for all."""

    form: Form = "continues"

    def __init__(self, model: Llama, most_tokens: int | None) -> None:
        """With `most_tokens` None the caller's own limit holds."""
        self.model = model
        self._most = most_tokens

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        """The chat by the model's template."""
        return self.model.prompt(chat, begin)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return self.model.lengths(texts)

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
        """What the model writes after each prompt."""
        most = [self._most or own for own in of_each(most_tokens, len(prompts))]
        texts = [self._one(f"{static}{prompt}", own) for prompt, own in zip(prompts, most, strict=True)]
        return [first_line(text) for text in texts] if stop_at_line else texts

    def _one(self, prompt: str, most_tokens: int) -> str:
        tokenizer, model = self.model.tokenizer, cast("Any", self.model.model)
        given = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            [written] = model.generate(**given, max_new_tokens=most_tokens, do_sample=False)
        return str(tokenizer.decode(written[given["input_ids"].shape[1] :], skip_special_tokens=True))


def by_generate(stages: Bench, most_tokens: int | None) -> None:
    """Let transformers' own `generate` write in these stages; `most_tokens` holds for summaries, None: our limits."""
    for name, stage in stages.stages.items():
        writer = getattr(stage, "writer", None)
        if isinstance(writer, Plain):
            writer = writer.model
        if isinstance(writer, Llama):
            cast("Any", stage).writer = Plain(writer, most_tokens if name is StageName.SUMMARIZE else None)
