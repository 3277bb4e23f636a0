"""Play all scenarios, or those that are named, print the table, and write docs/chaos.md."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tests import postgres
from tests.chaos import away, playing, report
from tests.chaos.outcome import Outcome
from tests.chaos.pipelines import Pipeline, Real, Small
from tests.chaos.scenarios import EMPTIED, KILLS, REAL, REAL_RESTARTED, RESTARTED, SHORT, SHORT_RESTARTED, Scenario
from tests.postgres import Postgres

DATABASES = ("sqlite", "postgresql")
SHORT_AWAY_S = 20.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the table, still to be played; without a scenario, Redis is away."""

    pipeline: Pipeline
    scenario: Scenario | None
    seed: int
    short: bool

    @property
    def name(self) -> str:
        """As the progress shows it."""
        return (
            f"{self.scenario.name if self.scenario else away.name(self.seed)}, {self.pipeline.name}, seed {self.seed}"
        )

    def play(self, server: Postgres | None, tell: Tell, stop: threading.Event) -> Outcome:
        """Play it."""
        if self.scenario is None:
            away_s = SHORT_AWAY_S if self.short else away.AWAY_S
            return away.play(self.pipeline, self.seed, server, tell, stop, away_s=away_s)
        return playing.play(self.scenario, self.pipeline, self.seed, server, tell, stop)


def main(arguments: Sequence[str]) -> int:
    """Play; the exit status is 1 when a gate is missed."""
    asked = _read(arguments)
    console = Console()
    outcomes = _play_all(asked, console)
    page = report.page(outcomes)
    wide = console if console.width >= report.WIDTH else Console(width=report.WIDTH)
    wide.print(report.table(outcomes))
    wide.print(report.away_table(outcomes))
    for each in outcomes:
        for why in each.why:
            console.print(f"{each.scenario}, {each.database}, seed {each.seed}: {why}", style="red")
    if not arguments:
        report.PAGE.write_text(page)
    return 0 if outcomes and all(each.passed for each in outcomes) else 1


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", default="1,2,3", help="comma between")
    parser.add_argument("--short", action="store_true", help="few jobs and short leases")
    parser.add_argument("--database", choices=DATABASES, help="else both, side by side")
    parser.add_argument("--pipeline", choices=("small", "real"), help="else both")
    parser.add_argument("--scenario", help="only those whose name contains this")
    return parser.parse_args(arguments)


def _play_all(asked: argparse.Namespace, console: Console) -> list[Outcome]:
    """The databases side by side, the scenarios of each one after another."""
    stop = threading.Event()
    real = Real()
    databases = [asked.database] if asked.database else list(DATABASES)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with ExitStack() as stack:
        server = _server(stack) if "postgresql" in databases else None
        progress = stack.enter_context(Progress(*columns, console=console))
        pool = stack.enter_context(ThreadPoolExecutor(len(databases)))
        lanes = [
            pool.submit(_lane, list(_runs(asked, database, real)), database, server, progress, stop)
            for database in databases
        ]
        try:
            return [outcome for lane in lanes for outcome in lane.result()]
        finally:
            stop.set()  # the other lane need not go on when one fails or somebody presses Ctrl-C


def _server(stack: ExitStack) -> Postgres:
    programs = postgres.programs()
    if programs is None:
        raise SystemExit("needs PostgreSQL: apt-get install postgresql, or --database sqlite")
    return stack.enter_context(postgres.postgres(programs))


def _runs(asked: argparse.Namespace, database: str, real: Real) -> Iterator[Run]:
    for place, seed in enumerate(map(int, asked.seeds.split(","))):
        for pipeline in (Small(), real) if place == 0 else (Small(),):  # the real one takes minutes
            for scenario in _scenarios(pipeline.name, database, short=asked.short):
                run = Run(pipeline, scenario, seed, asked.short)
                if (asked.pipeline or pipeline.name) == pipeline.name and (asked.scenario or "") in run.name:
                    yield run


def _scenarios(pipeline: str, database: str, *, short: bool) -> Sequence[Scenario | None]:
    restarts = database == "postgresql"
    if pipeline == "real":
        return [REAL_RESTARTED if restarts else REAL]
    if short:
        return [SHORT_RESTARTED if restarts else SHORT, None]
    return [KILLS, EMPTIED, *([RESTARTED] if restarts else []), None]


def _lane(
    runs: Sequence[Run], database: str, server: Postgres | None, progress: Progress, stop: threading.Event
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    task = progress.add_task(database)
    for number, run in enumerate(runs, 1):
        head = f"{database} {number}/{len(runs)}: {run.name}"
        outcome = run.play(
            server if database == "postgresql" else None,
            lambda said, head=head: progress.update(task, description=f"{head}: {said}"),
            stop,
        )
        if stop.is_set():
            break
        outcomes.append(outcome)
        progress.console.print(f"{head}: {'passed' if outcome.passed else 'FAILED'} in {outcome.seconds:.0f} s")
    progress.update(task, description=f"{database}: done")
    return outcomes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
