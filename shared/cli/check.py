"""The command `clinq doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from shared.cli import options
from shared.doctor import Finding, Health, examine

MARKS = {Health.GOOD: ("✓", "green"), Health.NOTE: ("–", "yellow"), Health.WRONG: ("✗", "bold red")}
WRONG = 1


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Manage")(doctor)


def doctor(as_json: options.Json = False, home: options.Home = None, profile: options.Profile = None) -> None:
    """Look over this installation; exit status 1 if something is wrong."""
    findings = list(examine(options.settings(home=home, profile=profile)))
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in findings]))
    else:
        options.console().print(_table(findings))
    if any(each.health is Health.WRONG for each in findings):
        raise typer.Exit(WRONG)


def _table(findings: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    for each in findings:
        mark, style = MARKS[each.health]
        said = Text(each.found)
        if each.advice:
            said.append(f"\n→ {each.advice}", style=style)
        table.add_row(Text(mark, style=style), Text(each.name, style="bold"), said)
    return table
