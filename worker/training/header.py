"""Train the section header model: a LoRA adapter and a head on MiniLM, from MTS-Dialog's dialogues."""

from __future__ import annotations

import argparse
import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from worker import classifier
from worker.classifier import About, Adapting, Classifier
from worker.training import header_data, header_report, teach
from worker.training.header_data import Dialogue

CHECKPOINT = "checkpoint.pt"
TARGETS = ("query", "key", "value", "dense")
PARTS = 8
"""One in so many groups of dialogues is held out, to fit the temperature and to choose by."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one training run does; the same plan gives the same weights on the same machine."""

    seed: int = 20261121
    epochs: int = 6
    batch: int = 16
    learning_rate: float = 1e-3
    rank: int = 16
    layers: int = 4
    """So many layers learn, counted from the head down: what lies beneath them costs no way back."""
    window_tokens: int = 128
    label_smoothing: float = 0.1
    label_power: float = 0.3
    """A label's examples count by its frequency to the power of minus this."""
    retold: float = 0.6
    """How often a dialogue is read in one of its back-translations."""
    unnamed: float = 0.15
    """How often it is read without the names of the speakers."""
    checkpoint_steps: int = 50


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder of the MiniLM encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder with mts-dialog/")
    parser.add_argument("--out", type=Path, default=Path("worker/weights/header"))
    parser.add_argument(
        "--work", type=Path, default=Path("build/header"), help="folder for checkpoints, to resume from"
    )
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = Plan(**{name: getattr(given, name) for name in asdict(Plan())})
    learn, held = header_data.split(header_data.training(given.data), PARTS, plan.seed)
    trained, seconds = train(given.base, learn, plan, given.work)
    header_report.ship(trained, learn, held, header_data.validation(given.data), given.out, asdict(plan), seconds)
    log.warning("report written: %s", given.out / header_report.REPORT_FILE)


def train(base: Path, learn: Sequence[Dialogue], plan: Plan, work: Path) -> tuple[Classifier, float]:
    """The trained classifier and its CPU seconds; a run that was cut off goes on from its last checkpoint in `work`."""
    labels = tuple(sorted({each.label for each in learn}))
    about = About(base=base.name, labels=labels, window_tokens=plan.window_tokens)
    model = classifier.begin(base, about, plan.seed, Adapting(plan.rank, TARGETS, layers=plan.layers, dropout=0.0))
    steps = [batch for epoch in range(plan.epochs) for batch in _batches(learn, plan, epoch)]

    def lesson(step: int) -> teach.Lesson:
        draw = random.Random(plan.seed + step)  # noqa: S311 - not for secrets
        return [_told(learn[at], plan, draw) for at in steps[step]], [learn[at].label for at in steps[step]]

    seconds = teach.teach(
        model,
        len(steps),
        lesson,
        teach.Pace(plan.seed, plan.learning_rate, plan.checkpoint_steps, plan.label_smoothing),
        plan={**asdict(plan), "dialogues": len(learn)},
        checkpoint=work / CHECKPOINT,
        weights=teach.label_weights([each.label for each in learn], labels, plan.label_power),
    )
    return model, seconds


def _told(dialogue: Dialogue, plan: Plan, draw: random.Random) -> str:
    """The dialogue as this lesson tells it; of a long one sometimes only what comes later."""
    text = draw.choice(dialogue.retold) if dialogue.retold and draw.random() < plan.retold else dialogue.text
    text = header_data.without_speakers(text) if draw.random() < plan.unnamed else text
    words = text.split(" ")
    spare = len(words) - round(plan.window_tokens * 0.7)
    start = draw.randrange(spare) if spare > 0 and draw.random() < 0.5 else 0
    return " ".join(words[start:])


def _batches(learn: Sequence[Dialogue], plan: Plan, epoch: int) -> list[list[int]]:
    """Batches of dialogues of like length, in an order of their own in each epoch."""
    draw = random.Random(plan.seed + epoch)  # noqa: S311 - not for secrets
    order = sorted(range(len(learn)), key=lambda at: (min(len(learn[at].text), 900) // 60, draw.random()))
    batches = [order[at : at + plan.batch] for at in range(0, len(order), plan.batch)]
    draw.shuffle(batches)
    return batches


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    main()
