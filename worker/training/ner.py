"""Train the tagger of diseases and chemicals: a LoRA adapter and a CRF on MiniLM, from bc5cdr and ncbi-disease."""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.progress import track
from torch import nn

from worker import tagger_net
from worker.tagger import Tagger, Window, cut
from worker.tagger_net import About, TaggerNet
from worker.training import ner_data, ner_report
from worker.training.ner_data import Sentence

CHECKPOINT = "checkpoint.pt"
BEST = "best"
WATCH_EVERY = 3
"""After an epoch every third sentence of the development sets is read: a look at all of them costs a minute."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one training run does; the same plan gives the same weights on the same machine."""

    seed: int = 20261121
    epochs: int = 8
    batch_tokens: int = 640
    """Rows x longest of a batch, in word pieces."""
    learning_rate: float = 1e-3
    warmup: float = 0.06
    rank: int = 48
    ncbi_share: float = 0.5
    """How much of ncbi-disease one epoch sees: its diseases are named by slightly other rules."""
    checkpoint_steps: int = 50


@dataclass(slots=True)
class Run:
    """The state of a training run that a checkpoint holds."""

    net: TaggerNet
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    plan: Plan
    step: int = 0
    best: float = -1.0
    cpu_s: float = 0.0
    """CPU seconds of the attempts before this one."""

    def save(self, path: Path) -> None:
        """Write all of it, at once or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        learnt = {name: value for name, value in self.net.named_parameters() if value.requires_grad}
        state = {"plan": asdict(self.plan), "step": self.step, "best": self.best, "learnt": learnt}
        state["cpu_s"] = self.cpu_s + time.process_time()
        state |= {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def resume(self, path: Path) -> None:
        """Take up what a checkpoint of the same plan holds; nothing where there is none."""
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        if state["plan"] != asdict(self.plan):
            return
        self.net.load_state_dict(state["learnt"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.best, self.cpu_s = int(state["step"]), float(state["best"]), float(state["cpu_s"])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder of the MiniLM encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder with bc5cdr/ and ncbi-disease/")
    parser.add_argument("--out", type=Path, default=Path("worker/weights/ner"))
    parser.add_argument("--work", type=Path, default=Path("build/ner"), help="folder for checkpoints, to resume from")
    parser.add_argument("--threshold", type=float, default=0.9, help="probability from which on an entity is used")
    parser.add_argument("--sentences", type=int, help="learn from so many of bc5cdr only, to try a plan out")
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = Plan(**{name: getattr(given, name) for name in asdict(Plan())})
    learn = [
        *ner_data.sentences(given.data, ner_data.BC5CDR, "train")[: given.sentences],
        *ner_data.sentences(given.data, ner_data.NCBI, "train")[: given.sentences],
    ]
    held = {name: ner_data.sentences(given.data, name, "devel") for name in (ner_data.BC5CDR, ner_data.NCBI)}
    run = train(given.base, learn, plan, given.work, _watch(held, given.work))
    seconds = run.cpu_s + time.process_time()
    report = ner_report.measure(given.base, given.work / BEST, held, cpu_seconds=seconds, plan=asdict(plan))
    ner_report.ship(given.work / BEST, given.out, report, threshold=given.threshold)
    log.warning("report written: %s", given.out / ner_report.REPORT_FILE)


Watch = Callable[[TaggerNet, int], float]
"""Called after each epoch with the net and the epochs done; says how good the net is."""


def train(base: Path, learn: Sequence[Sentence], plan: Plan, work: Path, watch: Watch) -> Run:
    """The run after the last epoch; the best net by `watch` is written to `work`/best.

    A run that was cut off goes on from its last checkpoint in `work`.
    """
    net = tagger_net.begin(base, About(base=base.name, rank=plan.rank), seed=plan.seed).train()
    windows = _windows(net, learn)
    epochs = [_batches(windows, learn, plan, epoch) for epoch in range(plan.epochs)]
    steps = [(epoch, batch) for epoch, batches in enumerate(epochs) for batch in batches]
    ends = {sum(len(each) for each in epochs[: epoch + 1]): epoch + 1 for epoch in range(plan.epochs)}
    learnable = [each for each in net.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnable, lr=plan.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _rise_and_fall(len(steps), plan.warmup))
    run = Run(net, optimizer, schedule, plan)
    run.resume(work / CHECKPOINT)
    for step in track(range(run.step, len(steps)), description="training"):
        torch.manual_seed(plan.seed + step)  # the dropout of a resumed run equals that of one in a piece
        _learn(run, [windows[each] for each in steps[step][1]], learn, learnable)
        run.step = step + 1
        if run.step in ends:
            _judge(run, work, watch, ends[run.step])
        if run.step in ends or run.step % plan.checkpoint_steps == 0:
            run.save(work / CHECKPOINT)
    net.eval()
    return run


def _learn(run: Run, batch: Sequence[Window], learn: Sequence[Sentence], learnable: Sequence[nn.Parameter]) -> None:
    emissions, inside = run.net([each.encoded for each in batch])
    allowed = ner_data.allowed([_part(learn[each.row], each) for each in batch], run.net.about.labels)
    loss = run.net.chain.loss(emissions, inside, allowed).mean()
    run.optimizer.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(learnable, 1.0)
    run.optimizer.step()
    run.schedule.step()


def _judge(run: Run, work: Path, watch: Watch, epochs: int) -> None:
    good = watch(run.net.eval(), epochs)
    run.net.train()
    if good > run.best:
        run.best = good
        tagger_net.write(run.net, work / BEST, run.net.about)


def _watch(held: dict[str, list[Sentence]], work: Path) -> Watch:
    def watch(net: TaggerNet, epochs: int) -> float:
        scores = {name: ner_report.score(Tagger(net), mine[::WATCH_EVERY]) for name, mine in held.items()}
        line = " ".join(f"{name} {score.micro.f1:.4f}" for name, score in scores.items())
        log.warning("epoch %d in %s: F1 %s", epochs, work.name, line)
        return scores[ner_data.BC5CDR].micro.f1

    return watch


def _windows(net: TaggerNet, learn: Sequence[Sentence]) -> list[Window]:
    encoded = net.encode([each.words for each in learn])
    return [window for row, each in enumerate(encoded) for window in cut(row, each, net.about.window_tokens, overlap=0)]


def _part(sentence: Sentence, window: Window) -> Sentence:
    last = window.first + len(window.encoded.words)
    return Sentence(sentence.words[window.first : last], sentence.labels[window.first : last], sentence.corpus)


def _batches(windows: Sequence[Window], learn: Sequence[Sentence], plan: Plan, epoch: int) -> list[list[int]]:
    """Batches of stretches of like length, other ones and in another order in each epoch."""
    draw = random.Random(plan.seed + epoch)  # noqa: S311 - not for secrets
    seen = [
        at
        for at, each in enumerate(windows)
        if learn[each.row].corpus != ner_data.NCBI or draw.random() < plan.ncbi_share
    ]
    draw.shuffle(seen)
    seen.sort(key=lambda at: len(windows[at].encoded.pieces))
    batches: list[list[int]] = []
    for at in seen:
        size = len(windows[at].encoded.pieces)
        if not batches or (len(batches[-1]) + 1) * size > plan.batch_tokens:
            batches.append([])
        batches[-1].append(at)
    draw.shuffle(batches)
    return batches


def _rise_and_fall(steps: int, warmup: float) -> Callable[[int], float]:
    """Linear warm-up, then linear decay to a hundredth."""
    rise = max(1, round(warmup * steps))
    return lambda step: min((step + 1) / rise, max(0.01, (steps - step) / max(1, steps - rise)))


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    main()
