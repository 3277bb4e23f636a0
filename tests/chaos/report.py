"""The report of a whole run: a table for the terminal, and docs/chaos.md."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from tests.chaos.blows import Blow
from tests.chaos.outcome import Outcome
from tests.chaos.witness import middle_and_worst

PAGE = Path(__file__).parents[2] / "docs" / "chaos.md"
HEAD = """# Under kills

Written by `make chaos`: each line is a clinq of real processes (Redis, two APIs, two reapers, two or three workers with
a parent each) that is struck while it works; the seed draws the texts, the times and whom each blow hits.
Whatever was killed is started again after 0.1 to 1 s. Clients send each submission under an Idempotency-Key until it is
answered: **sent again** where no answer came, **replayed** where its job had been accepted by then. At the end, every
submission is held against its row, its audit trail, its callback and what a client reads:

- **lost**: not completed, or without an end in the audit trail; **stuck**: still open, or still leased
- **duplicated**: ended more than once, or a job that answers to no key; **changed**: another result than a run in peace
- **poison**: jobs that raise, kill their worker or crash it in each attempt; sent with the default of 3 attempts, they
  must be dead after exactly 3, with a reason. The other jobs have 50, because they die with their workers by no fault
- **noticed**: from the SIGKILL of a worker that held a job until that job was taken back (at most 15 s, default lease);
  **again**: until it ran again
- **called back**: jobs whose end a receiver of callbacks heard, each under one delivery id

Small pipeline: three stages that sleep 50 to 300 ms and chain hashes of the text. Real pipeline: the embedded profile.

"""
WIDTH, KILLS_WIDTH = 214, 36  # of the table and of one column, in characters
COLUMNS = (
    *("scenario", "pipeline", "database", "seed", "jobs", "kills", "sent again (replayed)"),
    *("lost", "stuck", "duplicated", "changed", "poison dead", "called back", "noticed p50 / p100", "again p50 / p100"),
    *("seconds", "verdict"),
)
AWAY = (
    *(
        "scenario",
        "database",
        "seed",
        "away s",
        "202",
        "503 + Retry-After",
        "other",
        "results read",
        "slowest answer s",
    ),
    *("drained after s", "verdict"),
)


def table(outcomes: Sequence[Outcome]) -> Table:
    """All runs for the terminal, a row each."""
    made = Table(title="clinq under kills", show_lines=True)
    for name in COLUMNS:
        made.add_column(name, overflow="fold", min_width=KILLS_WIDTH if name == "kills" else None)
    for each in outcomes:
        made.add_row(*cells(each), style=None if each.passed else "bold red")
    return made


def away_table(outcomes: Sequence[Outcome]) -> Table:
    """The runs without Redis, for the terminal."""
    made = Table(title="Redis away")
    for name in AWAY:
        made.add_column(name, overflow="fold")
    for each in outcomes:
        if each.away is not None:
            made.add_row(*away_cells(each), style=None if each.passed else "bold red")
    return made


def page(outcomes: Sequence[Outcome]) -> str:
    """docs/chaos.md."""
    away = [away_cells(each) for each in outcomes if each.away is not None]
    parts = [HEAD + _markdown(COLUMNS, [cells(each) for each in outcomes])]
    if away:
        parts.append("## Redis away\n\nSubmissions and reads, one of each a second.\n\n" + _markdown(AWAY, away))
    if wrong := [
        f"- {each.scenario}, {each.database}, seed {each.seed}: {why}" for each in outcomes for why in each.why
    ]:
        parts.append("## What went wrong\n\n" + "\n".join(wrong))
    return "\n\n".join([*parts, f"Machine: {_machine()}."]) + "\n"


def cells(each: Outcome) -> list[str]:
    """One run as a row."""
    found = each.findings
    wrong = (found.lost, found.stuck, found.duplicated, found.changed)
    return [
        *(each.scenario, each.pipeline, each.database, str(each.seed), str(each.jobs), _kills(each.dealt)),
        f"{each.resent} ({each.replayed})",
        *(str(len(many)) for many in wrong),
        f"{found.poison_dead} of {each.poisons}" if each.poisons else "–",
        f"{found.called_back} of {each.jobs}",
        middle_and_worst(each.noticed),
        middle_and_worst(each.again),
        f"{each.seconds:.0f}",
        "passed" if each.passed else "FAILED",
    ]


def away_cells(each: Outcome) -> list[str]:
    """One run without Redis as a row."""
    away = each.away
    if away is None:
        return []
    return [
        *(each.scenario, each.database, str(each.seed), f"{away.seconds:.0f}"),
        *(str(away.accepted), str(away.refused), str(len(away.wrong)), str(away.read)),
        *(f"{away.slowest_s:.2f}", f"{away.drained_s:.1f}", "passed" if each.passed else "FAILED"),
    ]


def _kills(dealt: Counter[Blow]) -> str:
    """All blows by kind, the workers' in full."""
    on_workers = (dealt[Blow.TREE], dealt[Blow.PARENT], dealt[Blow.LEAF])
    redis = dealt[Blow.REDIS] + dealt[Blow.EMPTIED]
    said = [
        (sum(on_workers), "worker (tree {}, parent {}, leaf {})".format(*on_workers)),
        (redis, f"Redis ({dealt[Blow.EMPTIED]} emptied)" if dealt[Blow.EMPTIED] else "Redis"),
        *((dealt[blow], blow.value) for blow in (Blow.API, Blow.REAPER, Blow.POSTGRES, Blow.FREEZE, Blow.TERM)),
    ]
    return ", ".join(f"{count} {what}" for count, what in said if count)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine() -> str:
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    return f"{cpu.partition(':')[2].strip() or '?'}, {os.cpu_count()} cores, Python {platform.python_version()}"
