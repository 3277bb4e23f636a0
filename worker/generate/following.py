"""Lets a batch of transformers hand each token on, and end row by row."""

from __future__ import annotations

from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria

from worker.generate.streaming import Unfolding


class Follow(StoppingCriteria):
    """Hands each new token of a generating batch on in the generating thread itself: an error stops the next token."""

    def __init__(self, unfolding: Unfolding) -> None:
        self._unfolding = unfolding

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:  # noqa: ARG002 - its signature
        """One verdict for each row: whether it has ended."""
        ended = [self._unfolding.add(at, token) for at, token in enumerate(input_ids[:, -1].tolist())]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)


def ends(config: GenerationConfig) -> set[int]:
    """The tokens with which a model ends its text."""
    end = config.eos_token_id
    return set() if end is None else {end} if isinstance(end, int) else set(end)
