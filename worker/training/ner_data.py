"""Sentences with labelled diseases and chemicals: bc5cdr and ncbi-disease, training and development."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.errors import MissingInputError

BC5CDR = "bc5cdr"
NCBI = "ncbi-disease"
SAYS_NOTHING_OF = {BC5CDR: frozenset[str](), NCBI: frozenset({"Chemical"})}
"""What a corpus does not annotate: its O may be any of these."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of one sentence and the B-I-O label of each."""

    words: tuple[str, ...]
    labels: tuple[str, ...]
    corpus: str

    def allowed(self, labels: Sequence[str]) -> list[list[bool]]:
        """For each word, which of `labels` the annotation allows."""
        unsaid = SAYS_NOTHING_OF[self.corpus]
        return [[label == mine or (mine == "O" and label[2:] in unsaid) for label in labels] for mine in self.labels]


def sentences(data: Path, corpus: str, split: str) -> list[Sentence]:
    """The sentences of `train` or `devel`: a word and its label a line, an empty line after each sentence.

    Raises MissingInputError where the file is not there.
    """
    path = data / corpus / f"{split}.tsv"
    if not path.is_file():
        raise MissingInputError(f"{path.name} of {corpus} is not in the data folder: pass --data with {corpus}/ in it")
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n") if line]
        if rows:
            found.append(Sentence(tuple(row[0] for row in rows), tuple(row[1] for row in rows), corpus))
    return found


def allowed(batch: Sequence[Sentence], labels: Sequence[str]) -> Tensor:
    """What the annotation of each word of a batch allows (rows, words, labels); all of it past a row's end."""
    mask = torch.ones(len(batch), max(len(each.words) for each in batch), len(labels), dtype=torch.bool)
    for at, each in enumerate(batch):
        mask[at, : len(each.words)] = torch.tensor(each.allowed(labels))
    return mask
