"""Train a model that writes: a LoRA adapter on any causal (Llama, GPT-2) or seq2seq (T5) model of a folder."""

from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from rich.progress import track
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from worker.training import writer_data, writer_report
from worker.training.writer_data import TASKS, Tokens

CHECKPOINT = "checkpoint.pt"
IGNORED = -100
"""What a label says where there is nothing to learn: torch leaves it out of the loss."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one training run does; the same plan gives the same weights on the same machine."""

    task: str = "summary"
    seed: int = 20261121
    epochs: float = 2.5
    batch_tokens: int = 1024
    """Rows x longest of a batch."""
    most_tokens: int = 640
    """A longer example is left out."""
    learning_rate: float = 1e-3
    warmup: float = 0.05
    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ()
    """Names of the linear layers that get an adapter; none means all of them (GPT-2: c_attn and c_proj)."""
    first_layer: int = 0
    """Layers below it stay as they are: nothing has to be computed backwards through them."""
    length_weight: float = 0.5
    """An answer of n tokens counts n to this power: 1 counts tokens alike, 0 counts answers alike."""
    checkpoint_steps: int = 25


@dataclass(slots=True)
class Run:
    """The state of a training run that a checkpoint holds."""

    model: PeftModel
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    plan: Plan
    step: int = 0
    cpu_s: float = 0.0
    """CPU seconds of the attempts before this one."""
    losses: list[float] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write all of it, at once or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        learnt = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        kept = {"plan": _plain(self.plan), "step": self.step, "cpu_s": self.cpu_s, "losses": self.losses}
        moving = {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
        torch.save({**kept, **moving, "learnt": learnt}, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint; one of another plan is left alone."""
        state: dict[str, Any] = torch.load(path, weights_only=True) if path.is_file() else {}
        if state.get("plan") != _plain(self.plan):
            return
        self.model.load_state_dict(state["learnt"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.cpu_s, self.losses = int(state["step"]), float(state["cpu_s"]), list(state["losses"])

    def average(self, path: Path) -> int:
        """Put the mean of these weights and a checkpoint's in their place; gives the checkpoint's step."""
        state: dict[str, Any] = torch.load(path, weights_only=True)
        if state["plan"] != _plain(self.plan):
            raise ValueError("the checkpoint to average with is of another plan")
        learnt = {name: value for name, value in self.model.named_parameters() if value.requires_grad}
        mean = {name: (value.detach() + state["learnt"][name].detach()) / 2 for name, value in learnt.items()}
        self.model.load_state_dict(mean, strict=False)
        return int(state["step"])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", choices=TASKS, default="summary")
    parser.add_argument("--base", type=Path, required=True, help="folder of a causal or seq2seq model")
    parser.add_argument("--data", type=Path, required=True, help="folder with mts-dialog/ and aci-bench/")
    parser.add_argument("--out", type=Path, help="folder of the adapter; default worker/weights/<task>")
    parser.add_argument("--work", type=Path, help="folder for checkpoints, to resume from; default build/<task>")
    parser.add_argument("--epochs", type=float, default=Plan().epochs)
    parser.add_argument("--rank", type=int)
    parser.add_argument("--first-layer", type=int, default=Plan().first_layer)
    parser.add_argument("--batch-tokens", type=int, default=Plan().batch_tokens)
    parser.add_argument("--most-tokens", type=int, default=Plan().most_tokens)
    parser.add_argument("--learning-rate", type=float, default=Plan().learning_rate)
    parser.add_argument("--as-it-is", action="store_true", help="write the last checkpoint's adapter; learn no more")
    parser.add_argument("--mean-with", type=Path, help="an earlier checkpoint of the same plan, to average with")
    given = parser.parse_args()
    torch.set_num_threads(1)
    plan = plan_for(
        given.base,
        task=given.task,
        epochs=given.epochs,
        first_layer=given.first_layer,
        batch_tokens=given.batch_tokens,
        most_tokens=given.most_tokens,
        learning_rate=given.learning_rate,
        **({"rank": given.rank, "alpha": 2 * given.rank} if given.rank else {}),
    )
    out = given.out or Path("worker/weights") / given.task
    run = train(given.base, given.data, plan, given.work or Path("build") / given.task, is_done=given.as_it_is)
    steps = [run.step] if given.mean_with is None else [run.average(given.mean_with), run.step]
    writer_report.write(run.model, out, given.base, {"checkpoints": steps, **figures(run, given.base, given.data)})
    log.warning("adapter and report written: %s", out)


def plan_for(base: Path, **wanted: Any) -> Plan:
    """The plan that suits the model of a folder: GPT-2 has names of its own for its layers, and a rank of 16."""
    if AutoConfig.from_pretrained(base).model_type == "gpt2":
        wanted = {"rank": 16, "alpha": 32, "targets": ("c_attn", "c_proj"), **wanted}
    return Plan(**wanted)


def train(base: Path, data: Path, plan: Plan, work: Path, *, is_done: bool = False) -> Run:
    """The trained run; one that was cut off goes on from its last checkpoint in `work`, or ends there (`is_done`)."""
    model, tokenizer = begin(base, plan)
    steps = _steps(tokenizer, data, plan, is_seq2seq=_is_seq2seq(model))
    learnable = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learnable, lr=plan.learning_rate, weight_decay=0.0)
    curve = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(steps), plan.warmup))
    run = Run(model.train(), optimizer, curve, plan)
    run.resume(work / CHECKPOINT)
    if is_done:
        return run
    begun, before = time.process_time(), run.cpu_s
    share = sum(_weight(row, plan) for batch in steps for row in batch) / len(steps)
    for step in track(range(run.step, len(steps)), description="training"):
        torch.manual_seed(plan.seed + step)  # the dropout of a resumed run equals that of one in a piece
        total = loss(model, steps[step], plan)
        optimizer.zero_grad()
        torch.autograd.backward(total / share)
        nn.utils.clip_grad_norm_(learnable, 1.0)
        optimizer.step()
        curve.step()
        run.step, run.cpu_s = step + 1, before + time.process_time() - begun
        run.losses.append(round(float(total.detach()) / sum(_weight(row, plan) for row in steps[step]), 4))
        if run.step % plan.checkpoint_steps == 0 or run.step == len(steps):
            run.save(work / CHECKPOINT)
    return run


def begin(base: Path, plan: Plan) -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """The model of the folder in float32 with a fresh adapter, and its tokenizer."""
    torch.manual_seed(plan.seed)
    config = AutoConfig.from_pretrained(base)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    # float32: bfloat16 is seven to ten times slower on a CPU without units for it
    bare: PreTrainedModel = kind.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    count = getattr(config, "num_hidden_layers", 0)
    above = list(range(plan.first_layer, count)) if plan.first_layer else None
    lora = LoraConfig(
        task_type="SEQ_2_SEQ_LM" if config.is_encoder_decoder else "CAUSAL_LM",
        r=plan.rank,
        lora_alpha=plan.alpha,
        target_modules=list(plan.targets) or _linear(bare),
        layers_to_transform=above,
        fan_in_fan_out=config.model_type == "gpt2",
    )
    return get_peft_model(bare, lora), AutoTokenizer.from_pretrained(base, local_files_only=True)


def loss(model: PeftModel, batch: Sequence[Tokens], plan: Plan) -> Tensor:
    """The sum over the batch of each answer's mean loss times its weight."""
    told, wanted = _told_seq2seq(model, batch) if _is_seq2seq(model) else _told_causal(model, batch)
    weights = [_weight(row, plan) / len(row.answer) for row in batch for _ in row.answer]
    each = nn.functional.cross_entropy(told, wanted, reduction="none")
    return (each * torch.tensor(weights, device=each.device)).sum()


def figures(run: Run, base: Path, data: Path) -> dict[str, object]:
    """What the report says: the plan, the loss over time and on what was held out, CPU seconds."""
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    held = writer_data.held_out(run.plan.task, data)
    rows = writer_data.tokenize(tokenizer, held, is_seq2seq=_is_seq2seq(run.model), most=run.plan.most_tokens)
    first, last = run.losses[: run.plan.checkpoint_steps], run.losses[-run.plan.checkpoint_steps :]
    return {
        "base": base.name,
        "task": run.plan.task,
        "steps": run.step,
        "loss_first": round(sum(first) / max(1, len(first)), 3),
        "loss_last": round(sum(last) / max(1, len(last)), 3),
        "loss_held_out": held_loss(run.model, rows, run.plan),
        "held_out": len(rows),
        "training_cpu_seconds": round(run.cpu_s),
        "plan": _plain(run.plan),
    }


def held_loss(model: PeftModel, rows: Sequence[Tokens], plan: Plan) -> float | None:
    """The weighted loss a token on rows that were not learnt from; None without rows."""
    if not rows:
        return None
    model.eval()
    with torch.inference_mode():
        total = sum(float(loss(model, batch, plan)) for batch in writer_data.batches(rows, plan.batch_tokens, 0))
    return round(total / sum(_weight(row, plan) for row in rows), 4)


def _linear(model: PreTrainedModel) -> list[str]:
    """The last names of all linear layers but the head."""
    head = model.get_output_embeddings()
    layers = (name for name, each in model.named_modules() if isinstance(each, nn.Linear) and each is not head)
    return sorted({name.rpartition(".")[2] for name in layers})


def _steps(tokenizer: PreTrainedTokenizerBase, data: Path, plan: Plan, *, is_seq2seq: bool) -> list[list[Tokens]]:
    steps: list[list[Tokens]] = []
    for epoch in range(math.ceil(plan.epochs)):
        given = writer_data.examples(plan.task, data, epoch)
        rows = writer_data.tokenize(tokenizer, given, is_seq2seq=is_seq2seq, most=plan.most_tokens)
        packed = writer_data.batches(rows, plan.batch_tokens, plan.seed + epoch)
        steps += packed[: math.ceil(len(packed) * min(1.0, plan.epochs - epoch))]
    return steps


def _told_causal(model: PeftModel, batch: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    """Scores at the places before the answers' tokens, and those tokens; the head sees no other place."""
    longest = max(map(len, batch))
    rows = [[*row.prompt, *row.answer, *[0] * (longest - len(row))] for row in batch]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in batch]
    bare = _bare(model)
    body = getattr(bare, bare.base_model_prefix)
    seen = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(mask)}
    hidden = body(**{name: each.to(bare.device) for name, each in seen.items()}, use_cache=False).last_hidden_state
    ends = [(at, len(row.prompt) + token - 1) for at, row in enumerate(batch) for token in range(len(row.answer))]
    at, places = zip(*ends, strict=True)
    wanted = torch.tensor([token for row in batch for token in row.answer], device=bare.device)
    return bare.get_output_embeddings()(hidden[list(at), list(places)]), wanted


def _told_seq2seq(model: PeftModel, batch: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    longest, most = max(len(row.prompt) for row in batch), max(len(row.answer) for row in batch)
    bare = _bare(model)
    asked = torch.tensor([[*row.prompt, *[0] * (longest - len(row.prompt))] for row in batch], device=bare.device)
    mask = torch.tensor(
        [[1] * len(row.prompt) + [0] * (longest - len(row.prompt)) for row in batch], device=bare.device
    )
    labels = torch.tensor([[*row.answer, *[IGNORED] * (most - len(row.answer))] for row in batch], device=bare.device)
    scores = model(input_ids=asked, attention_mask=mask, labels=labels).logits
    return scores[labels != IGNORED], labels[labels != IGNORED]


def _weight(row: Tokens, plan: Plan) -> float:
    return float(len(row.answer) ** plan.length_weight)


def _rate(step: int, of: int, warmup: float) -> float:
    """Up in a straight line, then down along a cosine to a twentieth."""
    begun = max(1, round(of * warmup))
    if step < begun:
        return (step + 1) / begun
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - begun) / max(1, of - begun)))


def _is_seq2seq(model: PeftModel) -> bool:
    return bool(_bare(model).config.is_encoder_decoder)


def _bare(model: PeftModel) -> PreTrainedModel:
    return cast(PreTrainedModel, model.get_base_model())


def _plain(plan: Plan) -> dict[str, object]:
    return {**asdict(plan), "targets": list(plan.targets)}


if __name__ == "__main__":
    main()
