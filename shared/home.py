"""The home folder's own secrets: made once on a development machine, given by settings in production."""

from __future__ import annotations

import json
import os
import secrets as random
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.crypto import Keyring, new_master_key
from shared.settings import SHORTEST_SECRET, Settings

FILE = "secrets.json"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs tokens, and what wraps the keys of jobs."""

    secret_key: str
    keyring: Keyring


@dataclass(frozen=True, slots=True)
class Texts:
    """The same as settings hold it."""

    secret_key: str
    master_keys: str


def secrets(settings: Settings) -> Secrets:
    """The secrets in force. Raises ValueError when a master key is not id:base64 of 32 bytes.

    Outside production, what the settings leave out is made once and kept in `secrets.json` (mode 0600) in the home.
    """
    given = texts(settings)
    return Secrets(given.secret_key, Keyring.parse(given.master_keys))


def texts(settings: Settings) -> Texts:
    """The secrets in force, to be kept elsewhere: for backups only."""
    secret_key = settings.secret_key.get_secret_value()
    master_keys = settings.master_keys.get_secret_value()
    if not secret_key or not master_keys:
        kept = _kept(settings.home)
        secret_key, master_keys = secret_key or kept["secret_key"], master_keys or kept["master_keys"]
    return Texts(secret_key, master_keys)


def put_back(home: Path, given: Texts) -> None:
    """Keep these secrets in the home from now on; those that were there stay beside them as `secrets.json.before`."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / FILE
    if path.exists():
        path.replace(path.with_suffix(".json.before"))
    _write(home, asdict(given)).replace(path)


def _kept(home: Path) -> dict[str, str]:
    path = home / FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {"secret_key": random.token_urlsafe(SHORTEST_SECRET), "master_keys": new_master_key()}
        draft = _write(home, made)
        try:
            os.link(draft, path)  # fails when another process was first: its secrets count
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return dict(json.loads(path.read_text()))


def _write(home: Path, made: dict[str, str]) -> Path:
    with tempfile.NamedTemporaryFile("w", dir=home, delete=False) as draft:  # NamedTemporaryFile makes it 0600
        json.dump(made, draft)
    return Path(draft.name)
