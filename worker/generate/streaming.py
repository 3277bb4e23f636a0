"""What a running generation tells the world after each token, and when it stops by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, StoppingCriteria
from transformers.generation.streamers import BaseStreamer

OnToken = Callable[[int, str], None]
"""Called after each token with how many there are and the text that it added; what it raises ends the generation."""

LONGEST_LOOP = 24
LOOP_TURNS = 3
"""A stretch of at most so many tokens, said so many times in a row, is a loop."""


class TokenStreamer(BaseStreamer):
    """Hands each token's text on in the generating thread itself, so that an error stops the next token."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_token: OnToken) -> None:
        self._tokenizer = tokenizer
        self._on_token = on_token
        self._is_prompt = True
        self._ids: list[int] = []
        self._told = ""

    def put(self, value: torch.Tensor) -> None:
        """Take the prompt, which comes first, or the next token."""
        if self._is_prompt:
            self._is_prompt = False
            return
        self._ids += value.flatten().tolist()
        text = str(self._tokenizer.decode(self._ids, skip_special_tokens=True))
        whole = "" if text.endswith("\ufffd") else text[len(self._told) :]  # half a character waits for its end
        self._told += whole
        self._on_token(len(self._ids), whole)

    def end(self) -> None:
        """Nothing is held back at the end."""


class StopOnLoop(StoppingCriteria):
    """Ends a generation that says the same few tokens again and again."""

    def __init__(self, prompt_tokens: int) -> None:
        self._prompt_tokens = prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:  # noqa: ARG002 - its signature
        """One verdict for each row."""
        rows = (row[self._prompt_tokens :].tolist() for row in input_ids)
        return torch.tensor([loops(row) for row in rows], dtype=torch.bool, device=input_ids.device)


class StopOnLine(StoppingCriteria):
    """Ends a generation at the end of its first line."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:  # noqa: ARG002 - its signature
        """One verdict for each row."""
        ended = ["\n" in str(self._tokenizer.decode([token])) for token in input_ids[:, -1].tolist()]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)


def loops(tokens: Sequence[int]) -> bool:
    """Whether the tail repeats itself."""
    return any(
        len(tokens) >= LOOP_TURNS * period
        and all(tokens[-period:] == tokens[-(turn + 1) * period : -turn * period] for turn in range(1, LOOP_TURNS))
        for period in range(1, LONGEST_LOOP + 1)
    )
