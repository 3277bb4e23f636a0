"""`clinq demo`: the whole service, once through: a recording and a note in, everything that clinq makes out."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from shared import pull, registry, run_file
from shared.child import die_with
from shared.client import Client, Content, Document, status_of
from shared.errors import ClinqError
from shared.job import JobStatus
from shared.magic import HEAD_BYTES, sniff
from shared.run_file import RunFile
from shared.settings import Settings, environment
from shared.terminal import page
from shared.terminal.live import follow
from shared.up import CLINQ

RECORDING = Path(__file__).parents[1] / "tests" / "fixtures" / "demo_consultation.flac"
NOTE = (
    "45-year-old man, moderate headache for three days, history of migraine, takes metformin 500 mg twice daily, "
    "allergic to penicillin, father had a stroke, BP 142/91, denies vomiting."
)
START_S = 180.0
STOP_S = 60.0
ASK_EVERY_S = 0.1
LOG_LINES = 30


class DemoError(ClinqError):
    """The demonstration did not come to its end."""

    code = "demo_failed"


def demo(console: Console, settings: Settings, *, output: Path, recording: Path) -> None:
    """Start the service in a home of its own, send both, show and write the results, and stop everything.

    Raises DemoError when a part fails; the service's log is then left in the output folder.
    """
    missing = pull.missing(registry.read(settings.manifest), settings.profile, settings.models_dir, settings.engines)
    if missing:
        raise DemoError(f"weights are missing ({', '.join(missing)}): run `clinq models pull` first")
    output.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="clinq-demo-") as folder,
        _service(console, Path(folder), output) as running,
    ):
        console.print(f"clinq runs at [bold]{running.url}[/bold] since {time.monotonic() - began:.1f} s")
        with Client(running.url, running.api_key) as client:
            data = recording.read_bytes()
            kind = sniff(data[:HEAD_BYTES]) or "application/octet-stream"
            spoken = Content(recording=data, name=recording.name, content_type=kind)
            heard = _through(console, client, spoken, f"Recording {recording.name}")
            _write(output, client, heard, before="")
            (output / "transcript.vtt").write_bytes(client.transcript(str(heard["job_id"]), "vtt"))
            read = _through(console, client, Content(text=NOTE, name="note"), "Note")
            _write(output, client, read, before="note_")
    written = ", ".join(sorted(path.name for path in output.iterdir()))
    console.print(f"[bold green]all done[/bold green] in {time.monotonic() - began:.0f} s; {output}/ holds {written}")


def _through(console: Console, client: Client, content: Content, title: str) -> Document:
    """Submit one thing through the public API, follow it, and show what came of it."""
    console.print()
    if content.text is not None:
        console.print(f'[dim]"{content.text}"[/dim]')
    accepted = client.submit(content)
    document = follow(client, str(accepted["job_id"]), console, title)
    page.show(console, document, title=f"{title}: what clinq found")
    status = status_of(document)
    if status is not JobStatus.COMPLETED:
        raise DemoError(f"the {title.lower()} ended as {status.value}, not as completed")
    return document


def _write(output: Path, client: Client, document: Document, *, before: str) -> None:
    (output / f"{before}result.json").write_text(page.as_json(document), encoding="utf-8")
    (output / f"{before}bundle.json").write_bytes(client.bundle(str(document["job_id"])))


@contextmanager
def _service(console: Console, home: Path, output: Path) -> Iterator[RunFile]:
    """The whole service as a child process; its log is kept only if the block fails."""
    log = output / "service.log"
    # Only the settings of the machine count here: no database or Redis that belongs to another home.
    own = environment(environment="dev", database_url="", redis_url="", blob_url="", url="", api_key="")
    with log.open("wb") as lines:
        service = subprocess.Popen(  # noqa: S603 - this program itself
            [*CLINQ, "up", "--home", str(home), "--port", "0", "--host", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
            env=own,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
    try:
        with console.status("starting Redis, the API, the reaper and a worker"):
            running = _wait_until_it_runs(service, home)
        yield running
    except KeyboardInterrupt:
        _stop(service)
        raise
    except BaseException:
        _stop(service)
        console.print(f"[red]the demonstration failed; the service's log is {log} and ends so:[/red]")
        tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        console.print("\n".join(tail), markup=False, style="dim")
        raise
    _stop(service)
    log.unlink()


def _wait_until_it_runs(service: subprocess.Popen[bytes], home: Path) -> RunFile:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        if (running := run_file.read(home)) is not None:
            return running
        if service.poll() is not None:
            raise DemoError(f"the service ended with status {service.returncode} before it was ready")
        time.sleep(ASK_EVERY_S)
    raise DemoError(f"the service was not ready within {START_S:.0f} s")


def _stop(service: subprocess.Popen[bytes]) -> None:
    service.terminate()
    try:
        service.wait(STOP_S)
    except subprocess.TimeoutExpired:
        service.kill()  # its children die with it
        service.wait()
