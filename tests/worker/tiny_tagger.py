"""A tagger on the two-layer BERT, trained in a second on a handful of sentences."""

from __future__ import annotations

from pathlib import Path

from tests.worker import tiny_bert
from worker.tagger_net import TaggerNet
from worker.training import ner, ner_report
from worker.training.ner import Plan, Watch
from worker.training.ner_data import BC5CDR, NCBI, Sentence

PLAN = Plan(epochs=30, batch_tokens=48, learning_rate=1e-2, rank=4, ncbi_share=1.0, checkpoint_steps=10)
LINES = (
    (BC5CDR, "the patient has Zorbitis|D and takes zorbafen|C"),
    (BC5CDR, "zorbafen|C and quixol|C with pain|D"),
    (BC5CDR, "no sad heart|D disease|D . takes quixol|C 5 mg"),
    (BC5CDR, "the patient has a fever|D"),
    (BC5CDR, "Zorbitis|D , no cough"),
    (NCBI, "zorbafen for Zorbitis|D"),
    (NCBI, "heart|D disease|D and fever|D"),
)


def sentences() -> list[Sentence]:
    """The handful of sentences that it learns."""
    return [_sentence(corpus, line) for corpus, line in LINES]


def make(folder: Path) -> tuple[Path, Path]:
    """Write encoder and adapter; the same weights each time."""
    base = tiny_bert.make(folder / "tiny-bert")
    ner.train(base, sentences(), PLAN, folder / "work", last_is_best())
    report = ner_report.measure(
        base, folder / "work" / ner.BEST, {BC5CDR: sentences()[:5]}, cpu_seconds=1.0, plan={"seed": PLAN.seed}
    )
    ner_report.ship(folder / "work" / ner.BEST, folder / "adapter", report, threshold=0.5)
    return base, folder / "adapter"


def last_is_best() -> Watch:
    """A watch that likes each epoch better than the one before."""

    def watch(_: TaggerNet, epochs: int) -> float:
        return float(epochs)

    return watch


def _sentence(corpus: str, line: str) -> Sentence:
    words, labels = [], []
    before = ""
    for each in line.split():
        word, _, kind = each.partition("|")
        words.append(word)
        name = {"D": "Disease", "C": "Chemical"}.get(kind)
        labels.append("O" if name is None else f"{'I' if kind == before else 'B'}-{name}")
        before = kind
    return Sentence(tuple(words), tuple(labels), corpus)
