"""Commands of a client: submit, watch, result."""

from __future__ import annotations

import mimetypes
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from shared import documents, magic
from shared.cli import options
from shared.client import Client, Content, Document, ExportFormat, TranscriptFormat, status_of
from shared.errors import BadDocumentError
from shared.job import JobStatus, Patient, Priority, StageName
from shared.terminal import page
from shared.terminal.live import follow

PANEL = "Use"
GOOD = frozenset({JobStatus.COMPLETED, JobStatus.INSUFFICIENT_CONTENT})
FAILED = 1


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (submit, watch, result):
        app.command(rich_help_panel=PANEL)(command)


def submit(
    file: Annotated[
        str, typer.Argument(help="A text, a document or a recording; - reads standard input.", metavar="FILE|-")
    ],
    language: Annotated[str | None, typer.Option(help="en, es ...; else it is detected.", show_default=False)] = None,
    priority: Annotated[Priority, typer.Option(help="Who is waiting.")] = Priority.INTERACTIVE,
    stages: Annotated[str | None, typer.Option(help="Only these, comma between.", show_default=False)] = None,
    patient: Annotated[
        str | None, typer.Option(help='As JSON, e.g. \'{"identifier": "12"}\'.', show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option(help="Show live progress; --no-watch returns at once.")] = True,
    wait: Annotated[bool, typer.Option("--wait", help="Wait in silence, then print the result.")] = False,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Submit a note, a document (PDF, picture, HTML, FHIR) or a recording, and show the result."""
    content = read_content(file)
    fields = _fields(language=language, priority=priority, stages=stages, patient=patient)
    with options.connect(url, key, home) as client:
        accepted = client.submit(content, fields)
        job_id = str(accepted["job_id"])
        if not watch and not wait:
            _print(accepted, as_json=as_json, otherwise=job_id)
            return
        quiet = wait or as_json
        document = client.wait(job_id) if quiet else _follow(client, job_id, content.name)
    _finish(document, as_json=as_json, title=f"Result of {content.name}")


def watch(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Follow a job to its end; --json prints one event a line."""
    with options.connect(url, key, home) as client:
        if not as_json:
            _exit(status_of(_follow(client, job_id, f"Job {job_id}")))
            return
        status = JobStatus.QUEUED
        for event in client.events(job_id):
            typer.echo(event.model_dump_json(exclude_none=True))
            status = event.status
        _exit(status)


def result(
    job_id: Annotated[str, typer.Argument(metavar="ID")],
    bundle: Annotated[bool, typer.Option("--bundle", help="The FHIR Bundle, byte for byte.")] = False,
    form: Annotated[
        ExportFormat | None,
        typer.Option("--format", help="A Bundle of this kind, NDJSON, HL7 v2, or de-identified.", show_default=False),
    ] = None,
    transcript: Annotated[
        TranscriptFormat | None,
        typer.Option(help="The transcript, or a document's text, in this format.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to a file.", show_default=False)
    ] = None,
    as_json: options.Json = False,
    url: options.Url = None,
    key: options.Key = None,
    home: options.Home = None,
) -> None:
    """Print a job's state, and its result once it is done."""
    with options.connect(url, key, home) as client:
        if bundle or form is not None:
            _write(client.export(job_id, form) if form else client.bundle(job_id), output)
            return
        if transcript is not None:
            _write(client.transcript(job_id, transcript), output)
            return
        document = client.result(job_id)
    if output is not None:
        _write(page.as_json(document).encode(), output)
    else:
        _finish(document, as_json=as_json, title=f"Job {job_id}")


def read_content(file: str) -> Content:
    """What a file holds, told by its first bytes. Raises a usage error for what is nothing that clinq reads."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"cannot read the file: {error.strerror}", param_hint="FILE") from error
    name = "standard input" if file == "-" else Path(file).name
    kind = magic.sniff(data[: magic.HEAD_BYTES]) or _audio_by_name(file)
    if kind is not None:
        return Content(recording=data, name=name, content_type=kind)
    kind = documents.kind_of(data[: magic.HEAD_BYTES])
    if kind in magic.DOCUMENTS | documents.HTML | {documents.FHIR}:
        return Content(document=data, name=name, content_type=kind)
    if kind == documents.UNKNOWN:
        raise typer.BadParameter(f"this is no recording, and {documents.UNSUPPORTED}", param_hint="FILE")
    try:
        return Content(text=documents.decoded(data, None), name=name)
    except BadDocumentError as error:
        raise typer.BadParameter(str(error), param_hint="FILE") from error


def _audio_by_name(file: str) -> str | None:
    guess, _ = mimetypes.guess_type(file)
    return guess if guess is not None and guess.startswith(("audio/", "video/")) else None


def _fields(*, language: str | None, priority: Priority, stages: str | None, patient: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"priority": priority.value}
    if language is not None:
        fields["language"] = language
    if stages is not None:
        fields["stages"] = _stages(stages)
    if patient is not None:
        try:
            fields["patient"] = Patient.model_validate_json(patient).model_dump(
                mode="json", exclude_none=True, by_alias=True
            )
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg']}"
                for each in error.errors(include_input=False)
            )
            raise typer.BadParameter(wrong, param_hint="--patient") from error
    return fields


def _stages(names: str) -> list[str]:
    try:
        return [StageName(name.strip()).value for name in names.split(",")]
    except ValueError as error:
        known = ", ".join(StageName)
        raise typer.BadParameter(f"choose from {known}", param_hint="--stages") from error


def _follow(client: Client, job_id: str, title: str) -> Document:
    try:
        return follow(client, job_id, options.console(), title)
    except KeyboardInterrupt:
        options.console().print(f"the job goes on: clinq watch {job_id}", style="yellow")
        raise


def _finish(document: Document, *, as_json: bool, title: str) -> None:
    if as_json:
        typer.echo(page.as_json(document))
    else:
        page.show(options.console(), document, title=title)
    _exit(status_of(document))


def _exit(status: JobStatus) -> None:
    if status.terminal and status not in GOOD:
        raise typer.Exit(FAILED)


def _print(document: Document, *, as_json: bool, otherwise: str) -> None:
    typer.echo(page.as_json(document) if as_json else otherwise)


def _write(data: bytes, output: Path | None) -> None:
    if output is not None:
        try:
            output.write_bytes(data)
        except OSError as error:
            raise typer.BadParameter(f"cannot write the file: {error.strerror}", param_hint="--output") from error
        return
    sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
    sys.stdout.buffer.flush()
