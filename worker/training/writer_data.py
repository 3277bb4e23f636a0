"""What a writing model learns from: prompts with their answers, tokenised and put into batches of like length."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from transformers import PreTrainedTokenizerBase

TASKS = ("summary", "recommend")
"""Each has a module worker/training/<task>_data.py with `examples(data, epoch)`."""


@dataclass(frozen=True, slots=True)
class Example:
    """A finished prompt and what the model shall continue it with; `group` names the source document."""

    prompt: str
    answer: str
    group: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """An example as token ids; the answer ends with the end mark."""

    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def examples(task: str, data: Path, epoch: int) -> Sequence[Example]:
    """What one epoch of a task sees: the same epoch gives the same examples."""
    found: Sequence[Example] = import_module(f"worker.training.{task}_data").examples(data, epoch)
    return found


def held_out(task: str, data: Path) -> Sequence[Example]:
    """What a task is measured on and never learns from."""
    found: Sequence[Example] = import_module(f"worker.training.{task}_data").held_out(data)
    return found


def tokenize(
    tokenizer: PreTrainedTokenizerBase, given: Sequence[Example], *, is_seq2seq: bool, most: int
) -> list[Tokens]:
    """Examples as tokens; those over `most` are left out: a cut conversation would teach to invent what was cut."""
    if not given:
        return []
    end = [tokenizer.eos_token_id]
    tail = end if is_seq2seq else []
    prompts = tokenizer([each.prompt for each in given], add_special_tokens=False, verbose=False)["input_ids"]
    answers = tokenizer([f" {each.answer.strip()}" for each in given], add_special_tokens=False)["input_ids"]
    both = [Tokens(asked + tail, answer + end) for asked, answer in zip(prompts, answers, strict=True)]
    return [each for each in both if len(each) <= most]


def batches(rows: Sequence[Tokens], budget: int, seed: int) -> list[list[Tokens]]:
    """Batches of rows x longest <= budget, rows of like length together, in an order that the seed draws."""
    draw = random.Random(seed)  # noqa: S311 - not for secrets
    packed: list[list[Tokens]] = []
    for each in sorted(rows, key=lambda row: (len(row) // 8, draw.random())):
        longest = max(len(each), max(map(len, packed[-1]))) if packed else 0
        if packed and (len(packed[-1]) + 1) * longest <= budget:
            packed[-1].append(each)
        else:
            packed.append([each])
    draw.shuffle(packed)
    return packed
