"""Train the category model: a LoRA adapter and a head on MiniLM, from code descriptions and labelled notes."""

from __future__ import annotations

import argparse
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from worker import classifier
from worker.classifier import About, Classifier
from worker.clinical.categories import category_names
from worker.training import category_data, category_report, judged, teach
from worker.training.category_data import Example

CHECKPOINT = "checkpoint.pt"
LABEL_POWER = 0.5
"""An example counts by how many its label has to the power of minus this: the square root evens them half out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one training run does; the same plan gives the same weights on the same machine."""

    seed: int = 20260301
    epochs: int = 4
    batch: int = 16
    learning_rate: float = 1e-3
    names_per_label: int = 240
    spoken_per_label: int = 160
    composed: int = 3000
    notes_repeat: int = 2
    """How often each labelled note is seen in one epoch."""
    held_out: float = 0.15
    checkpoint_steps: int = 100


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder of the MiniLM encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder with mts-dialog/ and aci-bench/")
    parser.add_argument("--sample", type=Path, help="label file of notes to test on, never trained on")
    parser.add_argument("--out", type=Path, default=Path("worker/weights/category"))
    parser.add_argument(
        "--work", type=Path, default=Path("build/category"), help="folder for checkpoints, to resume from"
    )
    parser.add_argument("--epochs", type=int, default=Plan().epochs)
    given = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it warns of every long note that it is asked to count
    torch.set_num_threads(1)
    plan = Plan(epochs=given.epochs)
    sample = category_data.labelled_notes(given.data, given.sample, dialogues=False) if given.sample else []
    corpus = gather(given.data, plan, sample)
    trained, seconds = train(given.base, corpus.learn, plan, given.work)
    about = judged.calibrate(trained, corpus.held_notes)
    classifier.write(trained, given.out, about)
    trained.about = about
    report = category_report.measure(trained.eval(), corpus, sample, cpu_seconds=seconds, plan=asdict(plan))
    category_report.write(report, given.out)
    logging.getLogger(__name__).warning("report written: %s", given.out / category_report.REPORT_FILE)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the model learns from, and what it is held against."""

    learn: list[Example]
    held_names: list[Example]
    held_notes: list[Example]


def gather(data: Path, plan: Plan, sample: Sequence[Example]) -> Corpus:
    """Names, composed notes and labelled notes, split by group; nothing that retells a note of the sample."""
    draw = random.Random(plan.seed)  # noqa: S311 - not for secrets: the same seed must give the same split
    names = [*category_data.disease_names(), *category_data.phenotype_names()]
    notes = category_data.unlike(category_data.labelled_notes(data), sample)
    learn_names, held_names = _split(names, plan.held_out, draw)
    learn_notes, held_notes = _split(notes, plan.held_out, draw)
    learn_notes = category_data.unlike(learn_notes, held_notes)  # the set tells some visits twice
    phrases = list(category_data.patient_phrases())
    spoken = [*category_data.spoken_names(), *phrases]
    composed = [
        *category_data.compose(learn_names, plan.composed // 3, plan.seed),
        *category_data.compose(spoken, plan.composed - plan.composed // 3, plan.seed),
    ]
    alone = [*_even(learn_names, plan.names_per_label, draw), *_even(spoken, plan.spoken_per_label, draw), *phrases]
    learn = [*alone, *composed, *(learn_notes * plan.notes_repeat)]
    return Corpus(learn, _even(held_names, 60, draw), held_notes)


def train(base: Path, learn: Sequence[Example], plan: Plan, work: Path) -> tuple[Classifier, float]:
    """The trained classifier and its CPU seconds; a run that was cut off goes on from its last checkpoint in `work`."""
    labels = category_names()
    model = classifier.begin(base, About(base=base.name, labels=labels), plan.seed)
    steps = [batch for epoch in range(plan.epochs) for batch in _batches(learn, plan, epoch)]

    def lesson(step: int) -> teach.Lesson:
        batch = [learn[each] for each in steps[step]]
        return [_window(each.text, seed=plan.seed + step) for each in batch], [each.label for each in batch]

    seconds = teach.teach(
        model,
        len(steps),
        lesson,
        teach.Pace(plan.seed, plan.learning_rate, plan.checkpoint_steps),
        plan=asdict(plan),
        checkpoint=work / CHECKPOINT,
        weights=teach.label_weights([each.label for each in learn], labels, LABEL_POWER),
    )
    return model, seconds


WINDOW_WORDS = 90  # about 128 tokens of clinical English


def _window(text: str, *, seed: int) -> str:
    """A stretch of a long text: half the time its beginning, else from a random word on."""
    words = text.split()
    if len(words) <= WINDOW_WORDS:
        return text
    draw = random.Random(f"{seed} {len(text)}")  # noqa: S311 - not for secrets
    start = 0 if draw.random() < 0.5 else draw.randrange(len(words) - WINDOW_WORDS)
    return " ".join(words[start : start + WINDOW_WORDS])


def _split(examples: Sequence[Example], held_out: float, draw: random.Random) -> tuple[list[Example], list[Example]]:
    groups = sorted({each.group for each in examples})
    held = set(draw.sample(groups, round(held_out * len(groups))))
    return [each for each in examples if each.group not in held], [each for each in examples if each.group in held]


def _even(examples: Sequence[Example], per_label: int, draw: random.Random) -> list[Example]:
    shuffled = draw.sample(list(examples), len(examples))
    taken: Counter[str] = Counter()
    even = []
    for each in shuffled:
        taken[each.label] += 1
        if taken[each.label] <= per_label:
            even.append(each)
    return even


def _batches(learn: Sequence[Example], plan: Plan, epoch: int) -> list[list[int]]:
    """Batches of texts of like length, in an order of their own in each epoch."""
    draw = random.Random(plan.seed + epoch)  # noqa: S311 - not for secrets
    order = sorted(range(len(learn)), key=lambda each: (min(len(learn[each].text), 700) // 40, draw.random()))
    batches = [order[each : each + plan.batch] for each in range(0, len(order), plan.batch)]
    draw.shuffle(batches)
    return batches


if __name__ == "__main__":
    main()
