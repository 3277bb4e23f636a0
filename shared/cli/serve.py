"""Commands that run the service: all of it, or one part for a container."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from shared import demo as demonstration
from shared import migrate as migrations
from shared import pull, reaping, registry
from shared.cli import options
from shared.cli.parts import part
from shared.database import Database
from shared.settings import Settings
from shared.terminal.lines import Lines
from shared.up import Running
from shared.up import up as run_all

PANEL = "Run"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (up, demo, api, worker, reaper, migrate):
        app.command(rich_help_panel=PANEL)(command)


def up(
    home: options.Home = None,
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free one.", show_default=False)] = None,
    host: Annotated[str | None, typer.Option(help="Address of the API.", show_default=False)] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="How many; else one per GPU, or one on CPU.", show_default=False)
    ] = None,
    profile: options.Profile = None,
) -> None:
    """Run everything on this machine: Redis, migrations, API, reaper and workers, until Ctrl-C."""
    settings = options.settings(home=home, port=port, host=host, profile=profile)
    screen = options.console()
    lines = Lines(screen)
    _mention_weights(settings, lines)
    run_all(settings, workers=workers, tell=lines.tell, announce=lambda running: _announce(screen, running))


def demo(
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-output"),
    recording: Annotated[Path, typer.Option(exists=True, help="The recording to send.", show_default=False)] = (
        demonstration.RECORDING
    ),
) -> None:
    """Start the whole service, send it a recording and a note, show what comes out, and stop it again."""
    demonstration.demo(options.console(), options.settings(), output=output, recording=recording)


def api() -> None:
    """Run the API alone."""
    raise typer.Exit(int(part("api.run").main() or 0))


def worker() -> None:
    """Run one worker."""
    raise typer.Exit(int(part("worker.run").main() or 0))


def reaper() -> None:
    """Run one reaper."""
    raise typer.Exit(reaping.main())


def migrate() -> None:
    """Bring the database's tables to the newest version."""
    database = Database(options.settings().database, pool_size=1)
    migrations.upgrade(database)
    database.close()
    options.console().print("the database is at the newest version")


def _mention_weights(settings: Settings, lines: Lines) -> None:
    manifest = registry.read(settings.manifest)
    if missing := pull.missing(manifest, settings.profile, settings.models_dir, settings.engines):
        lines.tell("clinq", f"weights are missing ({', '.join(missing)}): run `clinq models pull`")


def _announce(screen: Console, running: Running) -> None:
    where = ", ".join(dict.fromkeys(running.devices))
    rows = {
        "key": running.api_key or "none is made in production: clinq keys create",
        "page": f"{running.url}/#key={running.api_key}",
        "home": str(running.home),
        "work": f"{len(running.devices)} on {where}, loading its models now" if where else "no worker here",
        "try": f"clinq submit note.txt --home {running.home}",
        "stop": "Ctrl-C",
    }
    screen.print()
    screen.print(Text.assemble(("clinq is ready at ", "bold green"), (running.url, "bold underline")), soft_wrap=True)
    for name, value in rows.items():  # not in a frame: a key that is wrapped by us cannot be copied
        screen.print(Text.assemble((f"  {name:<6}", "dim"), value), soft_wrap=True)
    screen.print()
