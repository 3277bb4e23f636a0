"""The command that writes what people said of results into a file to train on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from shared import examples as said
from shared import home as homes
from shared import migrate
from shared.audit import Actor
from shared.cli import options
from shared.cli.models import models
from shared.database import Database

OWNER_ONLY = 0o600


def add_to(_app: typer.Typer) -> None:
    """Add the command of this file to `clinq models`."""
    models.command(name="examples")(examples)


def examples(
    out: Annotated[Path, typer.Option(help="The file to write, JSON lines; it must not be there yet.")],
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.", show_default=False)] = None,
    home: options.Home = None,
) -> None:
    """Write reviews and feedback with the texts they are about, IN CLEAR, as examples to train on.

    Whoever may read the database and the keys may run this. What was deleted or has expired is not in it, but the file
    itself knows no retention: remove it when the training is done.
    """
    settings = options.settings(home=home)
    database = Database(settings.database, pool_size=1)
    written = gone = 0
    try:
        migrate.upgrade(database)
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError as error:
        raise typer.BadParameter("this file is there already", param_hint="--out") from error
    except OSError as error:
        raise typer.BadParameter(f"it cannot be written: {error.strerror}", param_hint="--out") from error
    try:
        actor = Actor("operator:cli", tenant or "-")
        with os.fdopen(file, "w", encoding="utf-8") as lines:
            for each in said.collect(database, homes.secrets(settings).keyring, actor, tenant=tenant):
                lines.writelines(json.dumps(example, ensure_ascii=False) + "\n" for example in each)
                written, gone = written + len(each), gone + (not each)
    finally:
        database.close()
    left = f"; {gone} results left out, whose text is gone" if gone else ""
    options.console().print(f"{written} examples in {out}{left}")
