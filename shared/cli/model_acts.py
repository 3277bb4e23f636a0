"""Commands that say which model serves: promote, rollback, retire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
import typer
from rich.markup import escape

from shared import migrate, model_acts, models, tables
from shared.audit import Actor
from shared.cli import options
from shared.cli.models import models as group
from shared.database import Database, clock
from shared.doctor import ALIVE_S
from shared.errors import ClinqError
from shared.job import StageName
from shared.model_acts import IllegalStateError
from shared.models import InUse, State, Version
from shared.settings import Settings

T = TypeVar("T")
OPERATOR = Actor("operator:cli", "default")
LOOK_EVERY_S = 0.3
Stage = Annotated[StageName | None, typer.Option("--stage", help="Which stage it works for.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the act.")]
Which = Annotated[
    str | None, typer.Argument(metavar="[NAME[@VERSION]]", help="The one that was added last when left out.")
]
Wait = Annotated[float, typer.Option(metavar="SECONDS", help="Watch the workers take it up for so long; 0: do not.")]


class NotTakenUpError(ClinqError):
    """Workers refused a version, or did not take it up in time."""

    code = "not_taken_up"


def add_to(_app: typer.Typer) -> None:
    """The commands stand in the group of shared/cli/models.py."""


@group.command()
def promote(
    which: Which = None,
    stage: Stage = None,
    canary: Annotated[
        float | None, typer.Option(min=0.1, max=100.0, metavar="PERCENT", help="Of the jobs alone.", show_default=False)
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Serve nobody: run behind finished jobs.")] = False,
    reason: Reason = "",
    wait: Wait = 120.0,
    home: options.Home = None,
) -> None:
    """Let a version serve: all jobs, a share of them, or in the shadow; workers take it up within seconds."""
    if shadow and canary is not None:
        raise typer.BadParameter("a version is either the canary or the shadow", param_hint="--shadow")
    state = State.SHADOW if shadow else State.CANARY if canary is not None else State.LIVE
    share = (canary or 0.0) / 100.0

    def act(connection: sa.Connection) -> tuple[Version, InUse]:
        its = _newest(connection, stage) if which is None else models.find(connection, which, stage)
        if its.state is State.LIVE:
            raise IllegalStateError(f"{its.label} is live at {its.stage.value} already")
        before = models.serving(connection).get(its.stage, InUse())
        return model_acts.set_state(connection, OPERATOR, its.id, state, share=share, reason=reason), before

    with opened(options.settings(home=home)) as database:
        its, before = _acted(database, act)
        was = before.live.label if before.live is not None else "the manifest's own model"
        told = {
            State.LIVE: f"serves from now on, in place of {was}",
            State.CANARY: f"serves {canary:g} % of the jobs" if canary is not None else "",
            State.SHADOW: "runs behind finished jobs; see `clinq models compare`",
        }[state]
        options.console().print(f"{its.stage.value}: [bold]{escape(its.label)}[/bold] {told}")
        _watch(database, its, its.stage, wait)
    if state is State.LIVE:
        options.console().print(f"[dim]undo it: clinq models rollback --stage {its.stage.value}[/dim]")


@group.command()
def rollback(
    stage: Annotated[StageName, typer.Option(help="Of which stage.")],
    reason: Reason = "",
    wait: Wait = 120.0,
    home: options.Home = None,
) -> None:
    """Let what served before serve again, in one transaction; a canary of the stage ends with it."""
    with opened(options.settings(home=home)) as database:
        now = _acted(database, lambda connection: model_acts.rollback(connection, OPERATOR, stage, reason=reason))
        name = escape(now.live.label) if now.live is not None else "the manifest's own model"
        options.console().print(f"{stage.value}: [bold]{name}[/bold] serves again")
        _watch(database, now.live, stage, wait)


@group.command()
def retire(
    which: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    stage: Stage = None,
    reason: Reason = "",
    home: options.Home = None,
) -> None:
    """Take a version out of use, a canary or shadow too; its files stay, so that it can come back."""

    def act(connection: sa.Connection) -> Version:
        its = models.find(connection, which, stage)
        return model_acts.set_state(connection, OPERATOR, its.id, State.RETIRED, reason=reason)

    with opened(options.settings(home=home)) as database:
        its = _acted(database, act)
    options.console().print(f"{its.stage.value}: {escape(its.label)} is retired")


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The ledger's database with its tables."""
    database = Database(settings.database, pool_size=1)
    try:
        migrate.upgrade(database)
        yield database
    finally:
        database.close()


def plain(version: Version) -> dict[str, Any]:
    """A version for programs, without its card."""
    told = asdict(version)
    del told["card"]
    return told


def _acted(database: Database, act: Callable[[sa.Connection], T]) -> T:
    with database.write() as connection:
        return act(connection)


def _newest(connection: sa.Connection, stage: StageName | None) -> Version:
    every = [each for each in models.listed(connection, stage) if each.state is not State.RETIRED]
    if not every:
        raise models.NoSuchModelError("no model is registered yet: `clinq models add PATH --stage STAGE`")
    return max(every, key=lambda each: (each.registered_at, each.id))


def _watch(database: Database, its: Version | None, stage: StageName, wait_s: float) -> None:
    """Wait until the workers that live have followed. Raises NotTakenUpError when they refused, or not all could."""
    with database.read() as connection:
        revision = models.revision(connection)
    until = time.monotonic() + wait_s
    with options.console().status("the workers take it up"):
        while (left := _behind(database, revision)) and time.monotonic() < until:
            time.sleep(LOOK_EVERY_S)
    if left is None:
        options.console().print("[dim]no worker runs: the next one that starts takes it up[/dim]")
        return
    with database.read() as connection:
        now = None if its is None else models.get(connection, its.id)
        acts = models.changes(connection, stage=stage, most=10)
        problems = [f"{each.worker}: {each.reason}" for each in models.lacking(connection) if each.stage is stage]
    if its is not None and now is not None and now.state is not its.state:
        why = next((each.reason for each in acts if each.version_id == its.id and each.seq > revision), "")
        raise NotTakenUpError(f"{its.label} is {now.state.value} again, and what served before serves: {why}")
    if problems:
        raise NotTakenUpError(f"not on all workers, which go on with what they had: {'; '.join(problems)}")
    if left and wait_s:
        raise NotTakenUpError(f"{left} workers have not taken it up after {wait_s:.0f} s: see `clinq models list`")
    if wait_s:
        options.console().print("[dim]all workers have taken it up[/dim]")


def _behind(database: Database, revision: int) -> int | None:
    """How many of the workers that live have not followed yet; None when none lives."""
    alive = sa.select(tables.worker.c.revision).where(tables.worker.c.seen_at > clock() - ALIVE_S)
    with database.read() as connection:
        heard = list(connection.execute(alive).scalars())
    return sum(each < revision for each in heard) if heard else None
