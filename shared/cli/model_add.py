"""The command that takes a model in: `clinq models add`."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from shared import model_acts, model_adding, model_folders, models, registry
from shared.cli import options
from shared.cli.model_acts import OPERATOR, opened, plain
from shared.cli.models import models as group
from shared.cli.parts import part
from shared.database import Database
from shared.errors import ClinqError, ModelUnavailableError
from shared.job import StageName
from shared.model_adding import ENGINES_WITHOUT_WEIGHTS, Wanted
from shared.models import NewVersion, Version
from shared.settings import Settings

HUB_ID = re.compile(r"[A-Za-z0-9._-]{1,96}/[A-Za-z0-9._-]{1,96}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")
VERSION = re.compile(r"[A-Za-z0-9._+-]{1,40}")


def add_to(_app: typer.Typer) -> None:
    """The command stands in the group of shared/cli/models.py."""


@group.command()
def add(
    source: Annotated[
        str, typer.Argument(metavar="PATH|HUB-ID", help="A folder of weights, or owner/name on the hub.")
    ],
    stage: Annotated[StageName, typer.Option(help="Which stage it is to work for.")],
    engine: Annotated[str | None, typer.Option(help="What loads it; else its files say.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="Else after the folder.", show_default=False)] = None,
    version: Annotated[str | None, typer.Option(help="Else the next number.", show_default=False)] = None,
    licence: Annotated[str, typer.Option(help="Else what its README.md says.")] = "",
    card: Annotated[Path | None, typer.Option(help="Model card; else its README.md.", dir_okay=False)] = None,
    adapter: Annotated[
        Path | None, typer.Option(help="LoRA adapter or head that goes on top.", file_okay=False)
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Of the engine; may be repeated.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only such weights, as *q4_k_m.gguf.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub.", show_default=False)] = None,
    trial: Annotated[bool, typer.Option(help="Load it and let it read a sentence first.")] = True,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Take a model in: its files are copied under their hash, tried, and registered; nothing serves yet."""
    settings = options.settings(home=home)
    _fits(NAME, name, "--name")
    _fits(VERSION, version, "--version")
    wanted = Wanted(
        stage,
        name or model_adding.named(source),
        engine,
        adapter,
        _pairs(option or []),
        tuple(only or ()),
        source if not Path(source).exists() else Path(source).absolute().name,
        licence,
        card.read_text(encoding="utf-8")[: model_folders.CARD_CHARS] if card is not None else "",
    )
    screen = options.console()
    with opened(settings) as database:
        with _folder(source, wanted, settings, revision) as folder, screen.status("copying and hashing the files"):
            new = (
                model_adding.without_weights(wanted) if folder is None else model_adding.take(wanted, folder, settings)
            )
        with database.read() as connection:
            known = models.listed(connection)
        found = model_adding.same(new, known)
        if found is None:
            with screen.status("loading it in a process of its own, to read one sentence"):
                found = _registered(database, new, version, settings, trial=trial)
    if as_json:
        typer.echo(json.dumps(plain(found)))
        return
    screen.print(f"{stage.value}: [bold]{escape(found.label)}[/bold] ({found.engine}, {found.size_bytes / 1e6:.0f} MB)")
    if not found.licence:
        screen.print("[yellow]its licence is not known: read its terms, and say --licence next time[/yellow]")
    screen.print(f"next: clinq models promote {found.label}")
    screen.print(f"[dim]or first: clinq models promote {found.label} --canary 10   (or --shadow)[/dim]")


def _registered(
    database: Database, new: NewVersion, version: str | None, settings: Settings, *, trial: bool
) -> Version:
    """Try it, then register it; its files are removed again where that fails."""
    try:
        if trial and new.stage in model_folders.KINDS:
            new = replace(new, metrics=model_adding.try_out(new, settings))
        with database.write() as connection:
            numbered = model_adding.numbered(new, version, models.listed(connection))
            return model_acts.register(connection, OPERATOR, numbered)
    except ClinqError:
        with database.read() as connection:
            model_adding.forget(new, models.listed(connection), settings.models_dir)
        raise


@contextmanager
def _folder(source: str, wanted: Wanted, settings: Settings, revision: str | None) -> Iterator[Path | None]:
    """Where the files lie: a folder, a model of the manifest, or what the hub gives; None where none are needed."""
    if wanted.engine in ENGINES_WITHOUT_WEIGHTS:
        yield None
    elif Path(source).is_dir():
        yield Path(source).absolute()
    elif source in registry.read(settings.manifest).models and (settings.models_dir / source).is_dir():
        yield settings.models_dir / source
    elif HUB_ID.fullmatch(source):
        fetched = settings.models_dir / f".adding-{uuid.uuid4().hex}"
        patterns = (*(wanted.only or model_folders.WEIGHTS), *model_folders.BESIDE)
        try:
            part("worker.hub").fetch(source, fetched, patterns, revision=revision)
            yield fetched
        finally:
            shutil.rmtree(fetched, ignore_errors=True)
    else:
        raise ModelUnavailableError(f"{source} is no folder, no model of the manifest, and no hub id (owner/name)")


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = dict(each.split("=", 1) for each in given if "=" in each)
    if len(pairs) < len(given):
        raise typer.BadParameter("each is KEY=VALUE, and a key is named once", param_hint="--option")
    return pairs


def _fits(pattern: re.Pattern[str], value: str | None, option: str) -> None:
    if value is not None and not pattern.fullmatch(value):
        raise typer.BadParameter("letters, digits and . _ + - alone", param_hint=option)
