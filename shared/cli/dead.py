"""Commands for dead letters: list, replay."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from shared.cli import options
from shared.client import Client, Document, ServiceError

PAGE = 100  # jobs asked for at once
FAILED = 1
WRONG_JOB = frozenset({404, 409, 410})  # what one id may be answered while the others go on
dead = typer.Typer(no_args_is_help=True, help="Jobs that ended without a result.")
Reason = Annotated[str | None, typer.Option(help="Only those with this reason code.", show_default=False)]
Failed = Annotated[bool, typer.Option("--failed", help="Failed jobs too, which were given up at once.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(dead, name="dead", rich_help_panel="Manage")


@dead.command(name="list")
def list_(
    reason: Reason = None,
    failed: Failed = False,
    most: Annotated[int, typer.Option(min=1, help="How many to show, newest first.")] = PAGE,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """List jobs whose attempts were all lost, with the reason of each."""
    with options.connect(url, key, home) as client:
        jobs, more = _listed(client, _query(reason, failed), most)
    if as_json:
        typer.echo(json.dumps(jobs))
        return
    screen = options.console()
    screen.print(_table(jobs) if jobs else "no dead letters")
    if more:
        screen.print(f"there are more: --most {2 * most}", style="dim")


@dead.command()
def replay(
    job_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them, or those with one --reason.")] = False,
    reason: Reason = None,
    failed: Failed = False,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Let jobs run again, behind their last finished stage; exit status 1 if one of them cannot."""
    if bool(job_ids) == every:
        raise typer.BadParameter("name the jobs, or say --all", param_hint="ID...")
    if job_ids and (reason or failed):
        raise typer.BadParameter("this goes with --all", param_hint="--reason, --failed")
    with options.connect(url, key, home) as client:
        replayed, problems = _replay_all(client, _query(reason, failed)) if every else _replay(client, job_ids or [])
    if as_json:
        typer.echo(json.dumps({"job_ids": replayed, "problems": problems}))
    else:
        for job_id, problem in problems.items():
            typer.echo(f"{job_id}: {problem}", err=True)
        options.console().print(f"{len(replayed)} {'job waits' if len(replayed) == 1 else 'jobs wait'} again")
    if problems:
        raise typer.Exit(FAILED)


def _query(reason: str | None, failed: bool) -> dict[str, Any]:
    query: dict[str, Any] = {"status": ["dead", "failed"] if failed else ["dead"]}
    return query if reason is None else {**query, "reason": reason}


def _listed(client: Client, query: dict[str, Any], most: int) -> tuple[list[Document], bool]:
    """So many jobs, and whether there are more."""
    jobs: list[Document] = []
    while len(jobs) < most:
        answer = client.ask("GET", "/dead", **query, most=min(PAGE, most - len(jobs)))
        jobs += answer["jobs"]
        if "next" not in answer:
            return jobs, False
        query["after"] = answer["next"]
    return jobs, True


def _replay_all(client: Client, query: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    replayed: list[str] = []
    while True:
        answer = client.ask("POST", "/dead/replay", **query)
        replayed += answer["job_ids"]
        if not answer["left"] or not answer["job_ids"]:
            return replayed, {}


def _replay(client: Client, job_ids: list[str]) -> tuple[list[str], dict[str, str]]:
    replayed: list[str] = []
    problems: dict[str, str] = {}
    for job_id in job_ids:
        try:
            replayed.append(str(client.ask("POST", f"/dead/{job_id}/replay")["job_id"]))
        except ServiceError as error:
            if error.status not in WRONG_JOB:
                raise
            problems[job_id] = str(error)
    return replayed, problems


def _table(jobs: list[Document]) -> Table:
    lines: list[tuple[RenderableType, ...]] = []
    for job in jobs:
        reason = job.get("reason") or {"code": "", "detail": ""}
        kept = "" if job["replayable"] else " (cannot be replayed: its content is gone)"
        said = f"{reason['code']}: {reason['detail']}{kept}"
        ended = str(job["finished_at"])[:19].replace("T", " ")
        lines.append((job["job_id"], ended, str(job["attempts"]), job.get("stage", ""), said))
    return options.table(("Id", "Ended", "Tries", "Stage", "Reason"), lines)
