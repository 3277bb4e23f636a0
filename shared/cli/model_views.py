"""Commands that look at models: show, compare, and, under its second name, replay."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic_core import to_jsonable_python
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from shared import comparisons, figures, models
from shared.cli import options
from shared.cli.model_acts import Stage, opened, plain
from shared.cli.models import models as group
from shared.cli.replay import replay
from shared.figures import Kept
from shared.job import StageName
from shared.models import Change, State, Version

HOUR_S = 3600
Name = Annotated[str, typer.Argument(metavar="NAME[@VERSION]")]


def add_to(_app: typer.Typer) -> None:
    """The commands stand in the group of shared/cli/models.py."""
    group.command(name="replay")(replay)


@group.command()
def show(which: Name, stage: Stage = None, as_json: options.Json = False, home: options.Home = None) -> None:
    """Show one version: hash, licence, figures, every act on it, and its card."""
    with opened(options.settings(home=home)) as database, database.read() as connection:
        its = models.find(connection, which, stage)
        acts = [each for each in models.changes(connection, stage=its.stage, most=1000) if each.version_id == its.id]
    if as_json:
        typer.echo(json.dumps({**plain(its), "card": its.card, "changes": to_jsonable_python(acts)}))
        return
    screen = options.console()
    screen.print(f"[bold]{escape(its.label)}[/bold] for {its.stage.value}: {its.state.value}")
    for what, told in _about(its):
        screen.print(f"  {what:<10} {escape(told)}")
    screen.print(options.table(("When", "Who", "What", "Why"), [_act(each) for each in acts]))
    if its.card:
        screen.print(escape(its.card))


@group.command()
def compare(
    stage: Annotated[StageName, typer.Option(help="Versions of which stage.")],
    hours: Annotated[int, typer.Option(min=1, help="Hours back from now.")] = 168,
    tenant: Annotated[str | None, typer.Option(help="One tenant's jobs alone.", show_default=False)] = None,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Compare the versions of a stage: times, failures, doubts, what people said, and how shadows agreed."""
    now = int(time.time()) // HOUR_S + 1
    with opened(options.settings(home=home)) as database, database.read() as connection:
        kept = figures.read(connection, tenant, (now - hours, now), stage=stage)
        registered = {each.label: each for each in models.listed(connection, stage)}
        beside = {name: comparisons.beside(connection, its.id, tenant=tenant) for name, its in registered.items()}
    rows = [_compared(each, registered, beside.get(f"{each.model}@{each.version}")) for each in kept]
    seen = {row["model"] for row in rows}
    rows += [_only_beside(its, beside[name]) for name, its in registered.items() if name not in seen]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    screen = options.console()
    screen.print(_comparison(rows))
    screen.print("[dim]agreement: of a shadow with who served the same jobs, 0 to 1 (F1 of what both found)[/dim]")


def _about(its: Version) -> Iterator[tuple[str, str]]:
    yield "id", its.id
    yield "engine", its.engine
    yield "sha256", its.sha256 or "no weights here"
    yield "folder", its.folder or "none"
    yield "source", its.source
    yield "licence", its.licence or "unknown"
    if its.state is State.CANARY:
        yield "share", f"{its.share:.1%} of the jobs"
    for name, value in its.options.items():
        yield "option", f"{name}={value}"
    for name, figure in its.metrics.items():
        yield "figure", f"{name} {figure:g}"


def _act(change: Change) -> tuple[RenderableType, ...]:
    at = datetime.fromtimestamp(change.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    share = f" {change.share:.0%}" if change.share else ""
    step = f"{change.from_state} → {change.to_state}{share}" if change.from_state else change.to_state
    return at, change.actor, step, escape(change.reason)


def _compared(
    kept: Kept, registered: dict[str, Version], beside: comparisons.Beside | None
) -> dict[str, str | int | float | None]:
    its = kept.figures
    label = f"{kept.model}@{kept.version}"
    return {
        "model": label,
        "state": registered[label].state.value if label in registered else "manifest",
        "jobs": its.jobs,
        "failed": its.failed,
        "p50_s": its.quantile_s(0.5),
        "p95_s": its.quantile_s(0.95),
        "unsure": figures.ratio(its.unsure, its.judged),
        "agreed": figures.ratio(its.agreed, its.agreed + its.disagreed),
        **_agreement(beside),
    }


def _only_beside(its: Version, beside: comparisons.Beside) -> dict[str, str | int | float | None]:
    nothing = dict.fromkeys(("p50_s", "p95_s", "unsure", "agreed"))
    return {"model": its.label, "state": its.state.value, "jobs": 0, "failed": 0, **nothing, **_agreement(beside)}


def _agreement(beside: comparisons.Beside | None) -> dict[str, int | float | None]:
    if beside is None or beside.jobs == 0:
        return {"beside": 0, "beside_failed": 0, "agreement": None, "seconds_ratio": None}
    ratio = figures.ratio(beside.seconds or 0.0, beside.served_seconds or 0.0)
    return {
        "beside": beside.jobs,
        "beside_failed": beside.failed,
        "agreement": beside.agreement,
        "seconds_ratio": ratio,
    }


def _comparison(rows: list[dict[str, str | int | float | None]]) -> Table:
    headings = ("Model", "State", "Jobs", "Failed", "p50 s", "p95 s", "Unsure", "Agreed", "Beside", "Agreement", "Time")
    names = ("model", "state", "jobs", "failed", "p50_s", "p95_s", "unsure", "agreed", "beside", "agreement")
    lines = [[_cell(row[name]) for name in (*names, "seconds_ratio")] for row in rows]
    return options.table(headings, lines)


def _cell(value: str | float | None) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else escape(str(value))
