"""Commands for batches: submit, status, results, retry, cancel."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.cli import options
from shared.cli.jobs import FAILED, GOOD, read_content
from shared.client import Client, Document
from shared.job import JobStatus, Priority

LOOK_EVERY_S = 0.5
OPEN = frozenset(status.value for status in JobStatus if not status.terminal)
BAD = frozenset(status.value for status in JobStatus if status.terminal and status not in GOOD) | {"rejected"}
batch = typer.Typer(no_args_is_help=True, help="Many notes at once.")
BatchId = Annotated[str, typer.Argument(metavar="ID")]
Watch = Annotated[bool, typer.Option("--watch", help="Wait for the end behind a bar.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(batch, name="batch", rich_help_panel="Use")


@batch.command()
def submit(
    source: Annotated[str, typer.Argument(help="NDJSON, one item a line; or a folder of notes.", metavar="FILE|-|DIR")],
    priority: Annotated[Priority, typer.Option(help="Who is waiting.")] = Priority.BULK,
    watch: Watch = False,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Submit many notes; exit status 1 if one of them was refused."""
    lines = read_lines(source)
    with options.connect(url, key, home) as client:
        accepted = client.submit_batch(lines, priority=priority.value)
        batch_id = str(accepted["batch_id"])
        if as_json and not watch:
            typer.echo(json.dumps(accepted))
        elif not as_json:
            typer.echo(batch_id)
            _tell_rejected(accepted["rejected"])
        if watch:
            _show(_wait(client, batch_id), as_json=as_json)
        elif accepted["rejected"]:
            raise typer.Exit(FAILED)


@batch.command()
def status(
    batch_id: BatchId,
    watch: Watch = False,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Show how far a batch is; exit status 1 if an item of it was refused or has failed."""
    with options.connect(url, key, home) as client:
        _show(_wait(client, batch_id) if watch else client.ask("GET", f"/batch/{batch_id}"), as_json=as_json)


@batch.command()
def results(
    batch_id: BatchId,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as items end, until all have.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write them to a file.", show_default=False)
    ] = None,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Print what has ended, one JSON document a line."""
    with options.connect(url, key, home) as client:
        lines = client.batch_results(batch_id, follow=follow)
        if output is None:
            _write(lines)
            return
        try:
            with output.open("wb") as file:
                file.writelines(line + b"\n" for line in lines)
        except OSError as error:
            raise typer.BadParameter(f"cannot write the file: {error.strerror}", param_hint="--output") from error


@batch.command()
def retry(
    batch_id: BatchId,
    watch: Watch = False,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Let a batch's failed and dead jobs run once more, behind their last finished stage."""
    with options.connect(url, key, home) as client:
        again = client.ask("POST", f"/batch/{batch_id}/retry-failed")
        if as_json and not watch:
            typer.echo(json.dumps(again))
        elif not as_json:
            many = len(again["job_ids"])
            options.console().print(f"{many} {'job waits' if many == 1 else 'jobs wait'} again")
        if watch:
            _show(_wait(client, batch_id), as_json=as_json)


@batch.command()
def cancel(
    batch_id: BatchId,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Cancel what is open; what is done stays."""
    with options.connect(url, key, home) as client:
        answer = client.ask("POST", f"/batch/{batch_id}/cancel")
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        options.console().print(f"{answer['cancelled']} cancelled")


def read_lines(source: str) -> bytes:
    """A batch as NDJSON: a file's bytes as they are, or a line for each note of a folder, in the order of their names.

    Raises a usage error for what cannot be read, and for a folder that holds something else or nothing.
    """
    if source == "-":
        return sys.stdin.buffer.read()
    path = Path(source)
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith("."))
        if not files:
            raise typer.BadParameter("there are no notes in this folder", param_hint="DIR")
        return b"".join(_item(each) for each in files)
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"cannot read the file: {error.strerror}", param_hint="FILE") from error


def _item(path: Path) -> bytes:
    content = read_content(str(path))
    if content.text is None:
        kind = "document: submit it alone"
        if content.recording:
            kind = "recording: submit it alone, or name it as audio_url in an NDJSON file"
        told = f"{path.name} is a {kind}"
        raise typer.BadParameter(told, param_hint="DIR")
    return json.dumps({"text": content.text, "metadata": {"file": path.name[:1000]}}).encode() + b"\n"


def _wait(client: Client, batch_id: str) -> Document:
    """The state of the batch once no job of it is open."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    path = f"/batch/{batch_id}"
    screen = Console(stderr=True, highlight=False)  # what is asked for as JSON stands alone on standard output
    try:
        with Progress(*columns, console=screen) as bar:
            task = bar.add_task("batch")
            while True:
                known = client.ask("GET", path, items="false")
                jobs = known["total"] - known["rejected"]
                done = jobs - sum(known["counts"][each] for each in OPEN)
                bar.update(task, total=jobs, completed=done, description=_words(known))
                if known["status"] != JobStatus.RUNNING:
                    return client.ask("GET", path)
                time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        screen.print(f"the batch goes on: clinq batch status {batch_id} --watch", style="yellow")
        raise


def _words(known: Document) -> str:
    """The counts that are not zero."""
    counts = {**known["counts"], "rejected": known["rejected"]}
    return ", ".join(f"{many} {status}" for status, many in counts.items() if many) or "empty"


def _show(known: Document, *, as_json: bool) -> None:
    bad = [item for item in known["items"] if item["status"] in BAD]
    if as_json:
        typer.echo(json.dumps(known))
    else:
        screen = options.console()
        screen.print(f"{known['batch_id']}: {known['status']}, {_words(known)}")
        if bad:
            screen.print(_table(bad))
    if bad:
        raise typer.Exit(FAILED)


def _table(items: list[Document]) -> Table:
    lines: list[tuple[RenderableType, ...]] = []
    for item in items:
        why = item.get("reason") or item.get("problem") or {}
        lines.append((str(item["index"]), item["status"], item.get("job_id", ""), _why(why)))
    return options.table(("Item", "Status", "Job", "Why"), lines)


def _why(problem: Document) -> str:
    fields = "; ".join(f"{each['pointer'] or 'item'}: {each['detail']}" for each in problem.get("errors", ()))
    return fields or str(problem.get("detail", ""))


def _tell_rejected(rejected: list[Document]) -> None:
    for item in rejected:
        typer.echo(f"item {item['index']}: {_why(item)}", err=True)


def _write(lines: Iterable[bytes]) -> None:
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
