"""Teach a classifier's adapter and head from labelled texts, step by step, resumable after each checkpoint."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import nn

from worker.classifier import Classifier

Lesson = tuple[list[str], list[str]]
"""The texts of one step and the label of each."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the weights move."""

    seed: int
    learning_rate: float
    checkpoint_steps: int
    label_smoothing: float = 0.05
    weight_decay: float = 0.01


@dataclass(slots=True)
class Pupil:
    """The state of a training run that a checkpoint holds."""

    model: Classifier
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    plan: dict[str, object]
    step: int = 0
    cpu_s: float = 0.0
    """CPU seconds of the attempts before this one."""

    def save(self, path: Path, step: int, cpu_s: float) -> None:
        """Write all of it, at once or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        learnt = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        state = {"plan": self.plan, "step": step, "learnt": learnt, "cpu_s": cpu_s}
        state |= {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def resume(self, path: Path) -> None:
        """Take up what a checkpoint of the same plan holds; nothing where there is none."""
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        if state["plan"] != self.plan:
            return
        self.model.load_state_dict(state["learnt"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.cpu_s = int(state["step"]), float(state["cpu_s"])


def teach(
    model: Classifier,
    steps: int,
    lesson: Callable[[int], Lesson],
    pace: Pace,
    *,
    plan: dict[str, object],
    checkpoint: Path,
    weights: torch.Tensor,
) -> float:
    """Train `model` in place for `steps` lessons and say how many CPU seconds it took, with all attempts.

    `weights` (labels,) says how much an example of each label counts. A run that was cut off goes on from `checkpoint`
    where that is of the same `plan`, and ends with the weights of a run in one piece.
    """
    labels = {label: at for at, label in enumerate(model.about.labels)}
    learnable = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnable, lr=pace.learning_rate, weight_decay=pace.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, pace.learning_rate, total_steps=steps, pct_start=0.1)
    pupil = Pupil(model.train(), optimizer, schedule, plan)
    pupil.resume(checkpoint)
    started = time.process_time() - pupil.cpu_s
    for step in track(range(pupil.step, steps), description="training"):
        torch.manual_seed(pace.seed + step)  # the dropout of a resumed run equals that of one in a piece
        texts, wanted = lesson(step)
        loss = nn.functional.cross_entropy(
            model(texts),
            torch.tensor([labels[each] for each in wanted]),
            weight=weights,
            label_smoothing=pace.label_smoothing,
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(learnable, 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % pace.checkpoint_steps == 0 or step + 1 == steps:
            pupil.save(checkpoint, step + 1, time.process_time() - started)
    model.eval()
    return time.process_time() - started


def label_weights(wanted: Sequence[str], labels: Sequence[str], power: float) -> torch.Tensor:
    """How much an example of each label counts (labels,): its count to the power of -`power`, one on average."""
    counts = Counter(wanted)
    raw = torch.tensor([max(counts[each], 1) ** -power for each in labels])
    return raw / raw.mean()
