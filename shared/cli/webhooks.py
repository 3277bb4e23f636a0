"""Commands for webhooks: deliveries, redeliver, endpoints, secret."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from shared.cli import options
from shared.client import Document

webhooks = typer.Typer(no_args_is_help=True, help="Who is called back when a job ends, and what came of it.")
State = Annotated[str | None, typer.Option(help="armed, due, delivered or given_up.", show_default=False)]
OfJob = Annotated[str | None, typer.Option("--job", metavar="ID", help="Only of this job.", show_default=False)]
OfBatch = Annotated[str | None, typer.Option("--batch", metavar="ID", help="Only of this batch.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(webhooks, name="webhooks", rich_help_panel="Manage")


@webhooks.command()
def deliveries(
    delivery_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One of them, with its attempts.", show_default=False)
    ] = None,
    job: OfJob = None,
    batch: OfBatch = None,
    state: State = None,
    most: Annotated[int, typer.Option(min=1, max=200, help="How many to show, newest first.")] = 50,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Show the log of deliveries, or one delivery with what came of each attempt."""
    asked = {"job_id": job, "batch_id": batch, "state": state}
    query: dict[str, Any] = {name: each for name, each in asked.items() if each is not None}
    with options.connect(url, key, home) as client:
        if delivery_id is not None:
            found = client.ask("GET", f"/webhooks/deliveries/{delivery_id}")
            _show(found, as_json, [_deliveries([found]), _attempts(found["log"])])
            return
        answer = client.ask("GET", "/webhooks/deliveries", most=most, **query)
    _show(answer, as_json, [_deliveries(answer["deliveries"])])


@webhooks.command()
def redeliver(
    delivery_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Send a delivery again at once."""
    with options.connect(url, key, home) as client:
        answer = client.ask("POST", f"/webhooks/deliveries/{delivery_id}/redeliver")
    _show(answer, as_json, [f"it is sent again: clinq webhooks deliveries {delivery_id}"])


@webhooks.command()
def endpoints(
    add: Annotated[str | None, typer.Option(metavar="URL", help="Call this for every job.", show_default=False)] = None,
    remove: Annotated[str | None, typer.Option(metavar="ID", help="Call this no more.", show_default=False)] = None,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """List the addresses that every job calls at its end, after adding or removing one."""
    with options.connect(url, key, home) as client:
        if add is not None:
            client.ask("POST", "/webhooks/endpoints", body={"url": add})
        if remove is not None:
            client.ask("DELETE", f"/webhooks/endpoints/{remove}")
        answer = client.ask("GET", "/webhooks/endpoints")
    rows = [(each["id"], each["url"], _when(each, "created_at"), _state(each)) for each in answer["endpoints"]]
    _show(answer, as_json, [options.table(("Id", "Address", "Made", "State"), rows)])


@webhooks.command()
def secret(
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one; it is shown now and never again.")] = False,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """List the secrets that sign deliveries by id and date, or make a new one; the last two are in force."""
    with options.connect(url, key, home) as client:
        if rotate:
            made = client.ask_once("POST", "/webhooks/secrets")
            _show(made, as_json, [made["secret"]])
            return
        answer = client.ask("GET", "/webhooks/secrets")
    rows = [(each["id"], _when(each, "created_at"), _state(each)) for each in answer["secrets"]]
    _show(answer, as_json, [options.table(("Id", "Made", "State"), rows)])


def _show(answer: Document, as_json: bool, lines: list[str | Table]) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for line in lines:
        if isinstance(line, str):
            typer.echo(line)  # whole, however narrow the screen is
        else:
            options.console().print(line)


def _deliveries(found: list[Document]) -> Table:
    rows = []
    for each in found:
        about = f"job {each['job_id']}" if "job_id" in each else f"batch {each['batch_id']}"
        rows.append((each["id"], about, each.get("origin", ""), each["state"], str(each["attempts"])))
    return options.table(("Id", "About", "To", "State", "Tries"), rows)


def _attempts(log: list[Document]) -> Table:
    rows = [
        (_when(each, "at"), str(each.get("status_code", "")), f"{each['seconds']:.2f} s", each.get("problem", ""))
        for each in log
    ]
    return options.table(("At", "Status", "Took", "Problem"), rows)


def _state(each: Document) -> str:
    ended = each.get("revoked_at") or each.get("disabled_at")
    return "in force" if ended is None else f"ended {str(ended)[:10]}"


def _when(each: Document, name: str) -> str:
    return str(each[name])[:19].replace("T", " ")
