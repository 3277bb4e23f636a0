"""Sixty-four consultations and notes of this project's own sets, and pipelines to send through them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from shared import registry
from shared.case import Case, Origin
from shared.job import StageName
from shared.registry import Manifest
from shared.settings import Settings
from worker import bench
from worker.bench import Bench
from worker.clinical import outline
from worker.run import as_chosen
from worker.stage import Desk, Device

JOBS = 64
DRAWS, LONG = 2000, 1000
"""How many draws a sample is chosen from; a dialogue too many or too few weighs as much as so many characters."""
SETS = ("facts_dialogue", "dialogue_fresh", "dialogue_fresh2", "facts_notes", "facts_fresh", "facts_fresh2")
QUALITY = Path(__file__).parents[1] / "quality"
REFERENCE = ("bert", "llama", "seq2seq", "extractive", "rules")
"""Engines that compute as torch and transformers do; a stage's reference is the one with the same weights."""
TEXT_STAGES = (
    StageName.EXTRACT,
    StageName.CLASSIFY,
    StageName.SUMMARIZE,
    StageName.RECOMMEND,
    StageName.ASSEMBLE,
)


class Quiet:
    """A desk that nobody listens at."""

    def audio(self, case: Case) -> Path:
        """Texts alone are sent: a stage that asks for a recording is a mistake of the benchmark."""
        raise NotImplementedError

    document = audio

    def keep(self, case: Case, share: float) -> None:
        """See worker.stage.Desk."""

    def listen(self) -> None:
        """See worker.stage.Desk."""

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """See worker.stage.Desk."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a pipeline took over some texts."""

    wall_s: float
    cpu_s: float
    cases: list[Case]
    by_stage: dict[StageName, float]
    """CPU seconds."""


def texts(count: int = JOBS) -> list[str]:
    """English dialogues and notes, short and long ones mixed, the same for the same count."""
    rows = [json.loads(line) for name in SETS for line in (QUALITY / f"{name}.jsonl").read_text().splitlines()]
    mixed = [str(row["text"]) for row in rows]
    Random(5).shuffle(mixed)
    return [mixed[at % len(mixed)] + f"\nRoom {at}." * (at >= len(mixed)) for at in range(count)]


def sample(every: Sequence[str], count: int) -> list[str]:
    """So many of the texts that stand for all: of many draws the one whose dialogues and notes are as long in the mean.

    A dialogue costs more than a note, so a draw with more of them would say more of the plain pipeline than is true.
    """
    kinds = dict(zip(every, map(outline.is_talk, cases_of(every)), strict=True))
    wanted = _lengths(every, kinds)
    draw = Random(7)
    drawn = (draw.sample(every, count) for _ in range(DRAWS))
    return min(drawn, key=lambda these: sum(abs(a - b) for a, b in zip(_lengths(these, kinds), wanted, strict=True)))


def _lengths(these: Sequence[str], kinds: Mapping[str, bool]) -> tuple[float, ...]:
    """Characters of dialogues and of notes for each text, and how many dialogues there are."""
    talks = [len(each) for each in these if kinds[each]]
    notes = [len(each) for each in these if not kinds[each]]
    return sum(talks) / len(these), sum(notes) / len(these), LONG * len(talks) / len(these)


def cases_of(these: Sequence[str]) -> list[Case]:
    """The cases as the loop makes them."""
    return [
        Case(
            Origin(f"0199d0a0-0000-7000-8000-{at:012d}", "default", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)), text=each
        )
        for at, each in enumerate(these)
    ]


def reference(manifest: Manifest, settings: Settings) -> dict[StageName, str]:
    """For each stage the plain engine with the weights of the one in use."""
    chosen = {}
    for stage, seat in manifest.seats(settings.profile).items():
        engine, choice = seat.choose(settings.engines.get(stage))
        same = [
            name for name, each in seat.engines.items() if (each.model, each.adapter) == (choice.model, choice.adapter)
        ]
        plain = [name for name in same if name in REFERENCE]
        if engine not in REFERENCE and plain:
            chosen[stage] = plain[0]
    return chosen


def pipeline(engines: dict[StageName, str] | None = None) -> Bench:
    """The stages of a text as the embedded profile has them, or by these engines, on one thread."""
    settings = Settings(profile="embedded")
    plan = registry.plan(registry.read(settings.manifest), "embedded", settings.models_dir, engines or settings.engines)
    chosen = as_chosen({stage: plan[stage] for stage in TEXT_STAGES}, settings)
    return bench.set_up(chosen, Device("cpu", 1))


def run(stages: Bench, these: Sequence[str], *, at_once: int = 1) -> Ran:
    """Send the texts through all stages, so many at a time."""
    desk: Desk = Quiet()
    wall, cpu = time.perf_counter(), time.process_time()
    by_stage = dict.fromkeys(TEXT_STAGES, 0.0)
    done: list[Case] = []
    whole = cases_of(these)
    for begin in range(0, len(whole), at_once):
        cases = whole[begin : begin + at_once]
        for stage in TEXT_STAGES:
            began = time.process_time()
            outcomes = stages.run(stage, cases, desk)
            by_stage[stage] += time.process_time() - began
            cases = [each for each in outcomes if isinstance(each, Case)]
            if len(cases) < len(outcomes):
                raise RuntimeError(f"{stage.value} failed: {next(e for e in outcomes if not isinstance(e, Case))!r}")
        done += cases
    return Ran(time.perf_counter() - wall, time.process_time() - cpu, done, by_stage)


def engines_of(stages: Bench) -> str:
    """Who serves, for a row's note."""
    return ", ".join(f"{stage} {who.partition(':')[0]}" for stage, who in stages.serving.items())
