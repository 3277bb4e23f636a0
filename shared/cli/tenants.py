"""Commands on the database for what tenants are given, and for what is removed when."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from shared import blobs, migrate, retention
from shared import tenants as kept
from shared.cli import options
from shared.cli.admin import usage, writing
from shared.database import Database
from shared.settings import Settings
from shared.tenants import Keeping, Tenant

AS_SET = "default"
tenants = typer.Typer(no_args_is_help=True, help="How long each tenant's data are kept, and its share of the workers.")
rounds = typer.Typer(no_args_is_help=True, help="Removal of what is older than its tenant wants.")
Hours = Annotated[
    str | None,
    typer.Option(metavar="HOURS", help=f"0 keeps it until it is deleted; {AS_SET}: as set.", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(tenants, name="tenants", rich_help_panel="Manage")
    app.add_typer(rounds, name="retention", rich_help_panel="Manage")


@tenants.command(name="set")
def set_(
    name: Annotated[str, typer.Argument(help="The tenant.")],
    result_h: Hours = None,
    payload_h: Hours = None,
    audio_h: Hours = None,
    share: Annotated[
        float | None, typer.Option(help="Weight when tenants wait for workers; 1 is usual.", show_default=False)
    ] = None,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Set how long a tenant's results, payloads and recordings are kept, and its share; what is left out stays."""
    given: dict[str, Any] = {"result_h": result_h, "payload_h": payload_h, "audio_h": audio_h}
    changes: dict[str, Any] = {each: _hours(each, value) for each, value in given.items() if value is not None}
    if share is not None:
        changes["share"] = share
    with writing(home, name, "tenant_set") as connection, usage("HOURS, --share"):
        changed = replace(kept.find(connection, name), **changes)
        kept.put(connection, changed)
    _show([changed], options.settings(home=home), as_json=as_json)


@tenants.command(name="list")
def list_(as_json: options.Json = False, home: options.Home = None) -> None:
    """List the tenants that something was set for, and what holds for all others."""
    settings = options.settings(home=home)
    with writing(home, AS_SET, "tenants_listed") as connection:
        rows = kept.listed(connection)
    _show(rows, settings, as_json=as_json)


@rounds.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Remove at once what is too old, as the reaper does every minute."""
    settings = options.settings(home=home)
    database = Database(settings.database, pool_size=1)
    try:
        migrate.upgrade(database)
        counts = retention.due(database, settings) if dry_run else _expire(database, settings)
    finally:
        database.close()
    if as_json:
        typer.echo(json.dumps(counts))
        return
    verb = "would go" if dry_run else "went"
    words = {"expired": "results", "payload_expired": "payloads", "audio_expired": "recordings", "swept": "orphans"}
    said = ", ".join(f"{count} {words[kind]}" for kind, count in counts.items())
    options.console().print(f"{said} {verb}")


def _expire(database: Database, settings: Settings) -> dict[str, int]:
    store = blobs.connect(settings.blobs)
    name, done = f"{socket.gethostname()}-{os.getpid()}", retention.Expired(more=True)
    while done.more:
        done = replace(done, more=False) + retention.expire(database, store, settings, name=name)
    return {
        "expired": len(done.results),
        "payload_expired": len(done.payloads),
        "audio_expired": len(done.recordings),
        "swept": retention.sweep(database, store),
    }


def _hours(name: str, value: str) -> float | None:
    if value == AS_SET:
        return None
    try:
        return float(value)
    except ValueError as error:
        option = f"--{name.replace('_', '-')}"
        raise typer.BadParameter(f"hours, or the word {AS_SET}", param_hint=option) from error


def _show(rows: list[Tenant], settings: Settings, *, as_json: bool) -> None:
    otherwise = kept.by_setting(settings)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
        return
    listed = [(row.name, *_words(row.keeping(otherwise)), f"{row.share:g}") for row in rows]
    listed.append(("all others", *_words(otherwise), "1"))
    options.console().print(options.table(("Tenant", "Results", "Payloads", "Recordings", "Share"), listed))


def _words(keeping: Keeping) -> list[str]:
    hours = (keeping.result_h, keeping.payload_h, keeping.audio_h)
    return [f"{each:g} h" if each else "until deleted" for each in hours]
