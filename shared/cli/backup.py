"""The commands `clinq backup` and `clinq restore`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from shared import blobs
from shared import home as homes
from shared.backup import manifest, restoring, taking, vault
from shared.backup.errors import BackupError
from shared.backup.manifest import Manifest
from shared.backup.stopped import stopped
from shared.cli import options
from shared.crypto import Keyring
from shared.database import Database
from shared.home import Texts
from shared.settings import Settings

PANEL = "Manage"
Folder = Annotated[Path, typer.Argument(help="Where the backup lies.", metavar="FOLDER", file_okay=False)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (backup, restore):
        app.command(rich_help_panel=PANEL)(command)


def backup(
    folder: Folder,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the keys out; without them nothing can be read.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Take none: compare the one that is there.")] = False,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Back up database, recordings and keys while the service runs; a second run copies only new recordings.

    The keys are sealed under a passphrase [CLINQ_BACKUP_PASSPHRASE; else it is asked for].
    """
    settings = options.settings(home=home)
    screen = options.console()
    if check:
        with _bars(screen) as bars:
            _print(manifest.check(folder, bars.show), None, screen, as_json=as_json)
        return
    keys = None if without_keys else vault.seal(homes.texts(settings), _passphrase(settings, twice=True))
    database = Database(settings.database, pool_size=1)
    try:
        with _bars(screen) as bars:
            taken = taking.take(database, blobs.connect(settings.blobs), folder, keys=keys, watch=bars.show)
    finally:
        database.close()
    _print(taken.manifest, taken, screen, as_json=as_json)
    if taken.missing:
        typer.echo(f"{taken.missing} recordings are damaged or missing in the blob store itself", err=True)


def restore(
    folder: Folder,
    into: Annotated[
        str | None, typer.Option(metavar="URL", help="Another database than CLINQ_DATABASE_URL.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace all that the database holds.")] = False,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the keys of this home as they are: they must fit.")
    ] = False,
    keys_to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only write the keys into a file, as settings.", show_default=False),
    ] = None,
    as_json: options.Json = False,
    home: options.Home = None,
) -> None:
    """Put a backup back, into SQLite or PostgreSQL, while the service is stopped. All hashes are checked first."""
    settings = options.settings(home=home, database_url=into)
    screen = options.console()
    if keys_to is not None:
        _write_keys(keys_to, _unsealed(settings, folder, manifest.read(folder)))
        screen.print(f"the keys are in {keys_to}: they open every job, so keep the file as safe as they are")
        return
    with _bars(screen) as bars:
        found = manifest.check(folder, bars.show)
    texts = None if without_keys or settings.master_keys.get_secret_value() else _unsealed(settings, folder, found)
    keyring = homes.secrets(settings).keyring if texts is None else Keyring.parse(texts.master_keys)
    database = Database(settings.database, pool_size=1)
    try:
        with stopped(database, settings.home), _bars(screen) as bars:
            store = blobs.connect(settings.blobs)
            done = restoring.restore(
                database, store, folder, found, keyring=keyring, overwrite=overwrite, watch=bars.show
            )
            if texts is not None:  # only now: as long as the old rows are there, they need the old keys
                homes.put_back(settings.home, texts)
    finally:
        database.close()
    if as_json:
        counts = {"rows": done.rows, "recordings": done.recordings, "waiting": done.waiting, "gone": done.gone}
        typer.echo(json.dumps(counts))
        return
    screen.print(f"restored {done.rows} rows and {done.recordings} recordings of {found.made_at:%Y-%m-%d %H:%M} UTC")
    screen.print(f"{done.waiting} jobs wait and go on when the service starts")
    if done.gone:
        screen.print(f"{done.gone} jobs failed, because their recordings are not in the backup", style="yellow")


class _Bars:
    """One bar for each thing that is worked on, made when it is first heard of."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, name: str, done: int, of: int) -> None:
        """Move the bar."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=of)
        self._progress.update(self._tasks[name], completed=done, total=of)


def _bars(screen: Console) -> _Bars:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return _Bars(Progress(*columns, console=Console(stderr=True), transient=True, disable=not screen.is_terminal))


def _passphrase(settings: Settings, *, twice: bool = False) -> str:
    given = settings.backup_passphrase.get_secret_value()
    if not given and sys.stdin.isatty():
        given = str(typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=twice))
    if not given:
        raise typer.BadParameter("set CLINQ_BACKUP_PASSPHRASE, or say --without-keys", param_hint="passphrase")
    if twice and len(given) < vault.SHORTEST:
        raise typer.BadParameter(f"at least {vault.SHORTEST} characters", param_hint="passphrase")
    return given


def _unsealed(settings: Settings, folder: Path, found: Manifest) -> Texts:
    if found.keys_sha256 is None:
        raise BackupError(
            "this backup holds no keys: set CLINQ_MASTER_KEYS, or say --without-keys if this home has them"
        )
    return vault.unseal(found.keys(folder).read_bytes(), _passphrase(settings))


def _write_keys(path: Path, texts: Texts) -> None:
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"CLINQ_SECRET_KEY={texts.secret_key}\nCLINQ_MASTER_KEYS={texts.master_keys}\n")
    except OSError as error:
        raise typer.BadParameter(f"cannot write the file: {error.strerror}", param_hint="--keys-to") from error


def _print(found: Manifest, taken: taking.Taken | None, screen: Console, *, as_json: bool) -> None:
    rows = sum(each.rows for each in found.tables.values())
    if as_json:
        told = {"made_at": found.made_at.isoformat(), "rows": rows, "recordings": found.recordings.rows}
        more = {} if taken is None else {"copied": taken.copied, "missing": taken.missing}
        typer.echo(json.dumps({**told, "recording_bytes": found.recording_bytes, **more}))
        return
    new = "" if taken is None else f" ({taken.copied} new)"
    size = f"{found.recording_bytes / 1e6:.1f} MB"
    sealed = "keys sealed" if found.keys_sha256 else "no keys"
    screen.print(f"{rows} rows, {found.recordings.rows} recordings{new}, {size}, {sealed}: all is as it was written")
