"""Train the deterioration network on made-up patients: `python -m worker.training.deterioration --out DIR`.

Seeded, resumable after each epoch, done on one CPU core in minutes. Its report stands beside the weights.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor, nn

from worker.deterioration import export, net
from worker.deterioration.net import AHEAD_DAYS, DeteriorationLSTM
from worker.deterioration.patients import Ward, ward
from worker.deterioration.steps import channels
from worker.training import deterioration_report

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides what comes out."""

    seed: int = 7
    patients: int = 24_000
    held: int = 6_000
    """Patients for choosing the epoch and the levels, and as many again for the report, all of other seeds."""
    epochs: int = 30
    batch: int = 256
    learning_rate: float = 3e-3


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("worker/weights/deterioration"))
    parser.add_argument("--work", type=Path, default=Path("build/deterioration"), help="folder for the checkpoint")
    parser.add_argument("--patients", type=int, default=Plan().patients)
    parser.add_argument("--epochs", type=int, default=Plan().epochs)
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = Plan(patients=given.patients, epochs=given.epochs, held=min(Plan().held, given.patients))
    report = run(plan, given.out, given.work)
    logging.getLogger(__name__).warning("report written: %s", report)


def run(plan: Plan, out: Path, work: Path) -> Path:
    """Make the patients, train, measure, and write weights, report and card; returns the report's path."""
    learn, choose, judge = (ward(n, seed=plan.seed + at) for at, n in enumerate((plan.patients, plan.held, plan.held)))
    model = train(learn, choose, plan, work)
    net.write(model, out)
    difference = export.export(model, out)
    found = {"plan": asdict(plan), "onnx_largest_difference": difference}
    return deterioration_report.write(model, learn, choose, judge, out, found)


def train(learn: Ward, choose: Ward, plan: Plan, work: Path) -> DeteriorationLSTM:
    """The network of the epoch that foretold the patients in `choose` best; goes on where an earlier run ended."""
    torch.manual_seed(plan.seed)
    model = DeteriorationLSTM()
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.learning_rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.epochs)
    steps, held_steps = torch.from_numpy(channels(learn.table)), torch.from_numpy(channels(choose.table))
    days, held_days = torch.from_numpy(learn.day), torch.from_numpy(choose.day)
    done, best, kept = _resume(work / CHECKPOINT, plan, model, optimizer, schedule)
    for epoch in track(range(done, plan.epochs), description="training"):
        order = torch.randperm(len(days), generator=torch.Generator().manual_seed(plan.seed + epoch))
        torch.manual_seed(plan.seed + epoch)  # the dropout of a resumed run equals that of one in a piece
        for batch in torch.split(order, plan.batch):
            optimizer.zero_grad()
            torch.autograd.backward(loss(model.train().logits(steps[batch]), days[batch]))
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        with torch.inference_mode():
            held = float(loss(model.eval().logits(held_steps), held_days))
        if held < best:
            best, kept = held, {name: value.clone() for name, value in model.state_dict().items()}
        _save(work / CHECKPOINT, plan, model, optimizer, schedule, (epoch + 1, best, kept))
    model.load_state_dict(kept)
    return model.eval()


def loss(logits: Tensor, days: Tensor) -> Tensor:
    """Negative log likelihood of discrete-time survival: (patients, days ahead) logits, (patients,) day or 0."""
    ahead = torch.arange(1, AHEAD_DAYS + 1)
    event = (days[:, None] == ahead).float()
    at_risk = ((days[:, None] == 0) | (days[:, None] >= ahead)).float()
    each = nn.functional.binary_cross_entropy_with_logits(logits, event, reduction="none")
    return (each * at_risk).sum() / at_risk.sum()


State = tuple[int, float, dict[str, Tensor]]
"""Epochs done, the best loss on held patients, and the weights that had it."""


def _save(
    path: Path,
    plan: Plan,
    model: DeteriorationLSTM,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    state: State,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    torch.save({"plan": asdict(plan), "state": state, **parts}, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def _resume(
    path: Path,
    plan: Plan,
    model: DeteriorationLSTM,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> State:
    """Where the checkpoint left off; the beginning where there is none, or one of another plan."""
    stored = torch.load(path, weights_only=True) if path.is_file() else {}
    if stored.get("plan") != asdict(plan):
        return 0, float("inf"), model.state_dict()
    for part, name in ((model, "model"), (optimizer, "optimizer"), (schedule, "schedule")):
        part.load_state_dict(stored[name])
    epochs, best, kept = stored["state"]
    return int(epochs), float(best), dict(kept)


if __name__ == "__main__":
    main()
