"""Diseases and chemicals in English text, by a token classifier: what no dictionary holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from worker import tagger_net
from worker.clinical.tagged import Tagged
from worker.stage import Listen, undisturbed
from worker.tagger_chain import Entity
from worker.tagger_net import Encoded, TaggerNet
from worker.tagger_words import words

BATCH_TOKENS = 512  # rows x longest: the best of those measured for a small BERT on one CPU thread
OVERLAP_WORDS = 16
"""So many words are read twice where a sentence is longer than a window; each reading speaks for its half."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one row that fits into the encoder, and which of its words it speaks for."""

    row: int
    first: int
    """The row's word that the stretch begins with."""
    begin: int
    """An entity counts where its first word, in the row's count, is from here ..."""
    end: int
    """... to before here."""
    encoded: Encoded


class Tagger:
    """Reads sentences; any number of them in batches of like length."""

    def __init__(self, net: TaggerNet) -> None:
        self.net = net

    @property
    def threshold(self) -> float:
        """Entities below this probability are not worth telling."""
        return self.net.about.threshold

    def tag(self, texts: Sequence[str], listen: Listen = undisturbed) -> list[list[Tagged]]:
        """The entities of each text, one sentence each, in their order; between batches it listens."""
        spans = [words(text) for text in texts]
        rows = [[text[span.start : span.end] for span in mine] for text, mine in zip(texts, spans, strict=True)]
        return [
            [Tagged(each.kind, mine[each.first].start, mine[each.last].end, each.score) for each in found]
            for found, mine in zip(self.entities(rows, listen), spans, strict=True)
        ]

    @torch.inference_mode()
    def entities(self, rows: Sequence[Sequence[str]], listen: Listen = undisturbed) -> list[list[Entity]]:
        """The entities of rows of words, by word."""
        found: list[list[Entity]] = [[] for _ in rows]
        windows = [
            each
            for row, encoded in enumerate(self.net.encode(rows))
            for each in cut(row, encoded, self.net.about.window_tokens)
        ]
        for batch in _batches(windows):
            listen()
            emissions, inside = self.net([each.encoded for each in batch])
            read = self.net.chain.entities(emissions.cpu(), inside.cpu())
            for window, entities in zip(batch, read, strict=True):
                found[window.row] += _spoken_for(window, entities)
        return [sorted(each, key=lambda entity: entity.first) for each in found]


def read(base: Path, adapter: Path, *, device: str = "cpu") -> Tagger:
    """The tagger of an adapter folder on its encoder; raises ModelUnavailableError where they cannot be read."""
    return Tagger(tagger_net.read(base, adapter, device=device))


def cut(row: int, encoded: Encoded, limit: int, overlap: int = OVERLAP_WORDS) -> Iterator[Window]:
    """The stretches of whole words of one row, none over `limit` pieces with [CLS] and [SEP], that overlap a little."""
    count = len(encoded.words)
    if not count:
        return
    if len(encoded.pieces) <= limit:
        yield Window(row, 0, 0, count, encoded)
        return
    pieces = _pieces(encoded, most=limit - 2)
    first, begin = 0, 0
    while first < count:
        last, size = first, 0
        while last < count and size + len(pieces[last]) <= limit - 2:
            size += len(pieces[last])
            last += 1
        again = max(last - overlap, first + 1) if last < count else count
        end = (again + last) // 2 if last < count else count
        yield Window(row, first, begin, end, _stretch(encoded, pieces, first, last))
        first, begin = again, end


def _pieces(encoded: Encoded, *, most: int) -> list[tuple[int, ...]]:
    """The pieces of each word, no more than `most`."""
    pieces: list[list[int]] = [[] for _ in encoded.words]
    for piece, owner in zip(encoded.pieces, encoded.owners, strict=True):
        if owner:
            pieces[owner - 1].append(piece)
    return [tuple(each[:most]) for each in pieces]


def _stretch(encoded: Encoded, pieces: Sequence[tuple[int, ...]], first: int, last: int) -> Encoded:
    inner = [(piece, at + 1) for at, mine in enumerate(pieces[first:last]) for piece in mine]
    return Encoded(
        (encoded.pieces[0], *(piece for piece, _ in inner), encoded.pieces[-1]),
        (0, *(owner for _, owner in inner), 0),
        encoded.words[first:last],
    )


def _batches(windows: Sequence[Window]) -> Iterator[list[Window]]:
    batch: list[Window] = []
    for each in sorted(windows, key=lambda window: len(window.encoded.pieces)):
        if batch and (len(batch) + 1) * len(each.encoded.pieces) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(each)
    if batch:
        yield batch


def _spoken_for(window: Window, entities: Sequence[Entity]) -> list[Entity]:
    moved = [Entity(each.kind, each.first + window.first, each.last + window.first, each.score) for each in entities]
    return [each for each in moved if window.begin <= each.first < window.end]
