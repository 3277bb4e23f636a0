"""Commands that write accounts straight into the database: keys, users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import RenderableType
from rich.table import Table

from shared import accounts, audit, migrate
from shared.accounts import ApiKey
from shared.audit import Actor
from shared.cli import options
from shared.cli.parts import part
from shared.database import Database
from shared.errors import ClinqError

SHORTEST_PASSWORD = 12  # characters
keys = typer.Typer(no_args_is_help=True, help="API keys for machines.")
users = typer.Typer(no_args_is_help=True, help="Accounts for people.")
Tenant = Annotated[str, typer.Option(help="Whose it is; tenants never see each other's jobs.")]


class NoSuchKeyError(ClinqError):
    """There is no such key, or it has ended already."""

    code = "no_such_key"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(keys, name="keys", rich_help_panel="Manage")
    app.add_typer(users, name="users", rich_help_panel="Manage")


@keys.command(name="create")
def create_key(
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    tenant: Tenant = "default",
    scopes: Annotated[str, typer.Option(help="Some of these, space between.")] = accounts.SCOPES,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Make a key; it is shown now and never again."""
    with writing(home, tenant, "key_created") as connection, usage("--scopes"):
        row, secret = accounts.add_key(connection, tenant, name, scopes)
    typer.echo(json.dumps({**asdict(row), "key": secret}) if as_json else secret)


@keys.command(name="list")
def list_keys(tenant: Tenant = "default", as_json: options.Json = False, home: options.Home = None) -> None:
    """List the keys of a tenant, revoked ones too."""
    with writing(home, tenant, "keys_listed") as connection:
        rows = accounts.list_keys(connection, tenant)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
    else:
        options.console().print(_table(rows))


@keys.command(name="revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID")], tenant: Tenant = "default", home: options.Home = None
) -> None:
    """End a key; every API process refuses it within seconds."""
    with writing(home, tenant, "key_revoked") as connection:
        if not accounts.revoke_key(connection, tenant, key_id):
            raise NoSuchKeyError(f"tenant {tenant} has no such key, or it has ended already: see `clinq keys list`")
    options.console().print("the key has ended")


@users.command(name="create")
def create_user(
    username: Annotated[str, typer.Argument()],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(accounts.ROLES)}.")] = "clinician",
    tenant: Tenant = "default",
    password: Annotated[
        str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for when left out.")
    ] = "",
    home: options.Home = None,
) -> None:
    """Make an account that can log in."""
    if len(password) < SHORTEST_PASSWORD:
        raise typer.BadParameter(f"at least {SHORTEST_PASSWORD} characters", param_hint="--password")
    hashed = str(part("api.security.passwords").hash_password(password))  # argon2 comes with the API's part alone
    with writing(home, tenant, "user_created") as connection, usage("USERNAME, --role"):
        user_id = accounts.create_user(connection, tenant, username, hashed, role)
    typer.echo(user_id)


@contextmanager
def writing(home: Path | None, tenant: str, action: str) -> Iterator[sa.Connection]:
    """A transaction of the operator, with its audit row, in a database that has its tables."""
    database = Database(options.settings(home=home).database, pool_size=1)
    try:
        migrate.upgrade(database)
        with database.write() as connection:
            yield connection
            audit.record(connection, Actor("operator:cli", tenant), action, job_id=None)
    finally:
        database.close()


@contextmanager
def usage(option: str) -> Iterator[None]:
    """What is wrong with a value is a usage error of this option."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _table(rows: list[ApiKey]) -> Table:
    lines: list[tuple[RenderableType, ...]] = []
    for row in rows:
        state = "in force" if row.revoked_at is None else f"revoked {_day(row.revoked_at)}"
        lines.append((row.id, row.name, row.scopes, _day(row.created_at), state))
    return options.table(("Id", "Name", "Scopes", "Made", "State"), lines)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
