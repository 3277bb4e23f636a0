"""The command that runs a finished job again on another version, and shows what differs."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from shared.cli import options
from shared.client import Document

WAIT_S = 20
FAILED = 1


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Use")(replay)


def replay(
    job_id: Annotated[str, typer.Argument(metavar="JOB")],
    version: Annotated[str, typer.Option(help="NAME or NAME@VERSION, as `clinq models list` names it.")],
    stage: Annotated[
        str | None, typer.Option(help="Where models of this name serve several.", show_default=False)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.")] = 600.0,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Run a finished job again with one stage done by this version, and show what differs; exit status 1 on failure."""
    name, _, number = version.partition("@")
    asked: dict[str, Any] = {"job_id": job_id} | ({"version": number} if number else {})
    with options.connect(url, key, home) as client:
        begun = client.ask("POST", f"/ml/models/{name}/replay", body=asked | ({"stage": stage} if stage else {}))
        until = time.monotonic() + timeout
        while True:
            diff = client.ask("GET", f"/ml/replays/{begun['replay_id']}", wait=WAIT_S)
            if diff["status"] not in {"queued", "running"} or time.monotonic() > until:
                break
    if as_json:
        typer.echo(json.dumps(diff, ensure_ascii=False))
    else:
        _show(begun, diff)
    if diff["status"] != "completed":
        raise typer.Exit(FAILED)


def _show(begun: Document, diff: Document) -> None:
    screen = options.console()
    screen.print(f"{begun['stage']} by {begun['model']}@{begun['version']}: {diff['status']}", markup=False)
    if "differences" not in diff:
        screen.print(f"look again later: {begun['diff_url']}", markup=False)
        return
    for stage, share in diff.get("agreement", {}).items():
        screen.print(f"  {stage}: agreement {share:.3f}", markup=False)
    for part, found in diff["differences"].items():
        if part not in {"models", "seconds"} and (said := _said(found)):
            screen.print(f"  {part}: {said}", markup=False)
    screen.print("nothing that was found differs" if diff["same"] else "what was found differs: --json has it all")


def _said(found: Any) -> str:
    if not found:
        return ""
    if "before" in found:
        return " -> ".join(_judged(each) for each in (found["before"], found["after"]))
    return ", ".join(f"{len(items)} {how}" for how, items in found.items() if items)


def _judged(found: Document | None) -> str:
    if found is None:
        return "none"
    return f"{found['category']} {found['confidence']:.2f}{' (needs review)' if found['needs_review'] else ''}"
