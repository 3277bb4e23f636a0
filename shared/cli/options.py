"""Options that several commands share, and the settings that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table

from shared import run_file
from shared.client import Client, UnreachableError
from shared.settings import Settings

Home = Annotated[Path | None, typer.Option(help="Folder of data, keys and run.json [CLINQ_HOME].", show_default=False)]
Profile = Annotated[str | None, typer.Option(help="embedded, standard or rules [CLINQ_PROFILE].", show_default=False)]
Url = Annotated[str | None, typer.Option(help="The service [CLINQ_URL; else the home's run.json].", show_default=False)]
Key = Annotated[
    str | None, typer.Option(help="API key or token [CLINQ_API_KEY; else the home's run.json].", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def settings(**given: Any) -> Settings:
    """The settings in force, with what the command line gave before what the environment says."""
    return Settings(**{name: each for name, each in given.items() if each is not None})


def connect(url: str | None, key: str | None, home: Path | None) -> Client:
    """A client of the named service, or of the one that runs in the home."""
    known = settings(home=home, url=url, api_key=key)
    secret = known.api_key.get_secret_value()
    running = run_file.read(known.home)
    if known.url:
        # A key of this home is shown to no other service than this home's.
        same = running is not None and running.url == known.url.rstrip("/")
        return Client(known.url, secret or (running.api_key if running is not None and same else ""))
    if running is None:
        raise UnreachableError(
            f"nothing runs in {known.home}: start `clinq up`, or name a service with --url and --key"
        )
    return Client(running.url, secret or running.api_key)


def console() -> Console:
    """Where commands write for people."""
    return Console(highlight=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[RenderableType]]) -> Table:
    """A list for people; ids stay whole, so that they can be copied."""
    made = Table(box=None, header_style="dim", pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold", no_wrap=heading == "Id")
    for row in rows:
        made.add_row(*row)
    return made
