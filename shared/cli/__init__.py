"""The command line `clinq`: one file a group of commands, and the one place where errors become a line and a status."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from shared.cli import (
    admin,
    backup,
    batch,
    check,
    dead,
    examples,
    jobs,
    model_acts,
    model_add,
    model_views,
    models,
    replay,
    serve,
    tenants,
    webhooks,
)
from shared.errors import ClinqError

FAILED = 1
USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, which may hold a note
    help="Clinical text, documents and recordings to transcript, facts, summary and FHIR, on your own machines.",
    rich_markup_mode="rich",
)
for group in (
    serve,
    jobs,
    batch,
    replay,
    models,
    model_add,
    model_acts,
    model_views,
    examples,
    dead,
    webhooks,
    admin,
    tenants,
    backup,
    check,
):
    group.add_to(app)


def main() -> None:
    """Run one command; exit status 0 is success, 1 a failure, 2 a wrong command line or setting."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app(prog_name="clinq")
    except ClinqError as error:
        errors.print(f"clinq: {error}", markup=False, style="red")
        sys.exit(FAILED)
    except ValidationError as error:  # a setting; its value may be a secret, so only its name is told
        for each in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in each["loc"]) or "settings"
            errors.print(f"clinq: {name}: {each['msg']}", markup=False, style="red")
        sys.exit(USAGE)
