"""The home folder's own secrets: made once on a development machine, given by settings in production."""

from __future__ import annotations

import json
import os
import secrets as random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.crypto import Keyring, new_master_key
from shared.settings import SHORTEST_SECRET, Settings

FILE = "secrets.json"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What signs tokens, and what wraps the keys of jobs."""

    secret_key: str
    keyring: Keyring


def secrets(settings: Settings) -> Secrets:
    """The secrets in force. Raises ValueError when a master key is not id:base64 of 32 bytes.

    Outside production, what the settings leave out is made once and kept in `secrets.json` (mode 0600) in the home.
    """
    secret_key = settings.secret_key.get_secret_value()
    master_keys = settings.master_keys.get_secret_value()
    if not secret_key or not master_keys:
        kept = _kept(settings.home)
        secret_key, master_keys = secret_key or kept["secret_key"], master_keys or kept["master_keys"]
    return Secrets(secret_key, Keyring.parse(master_keys))


def _kept(home: Path) -> dict[str, str]:
    path = home / FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = {"secret_key": random.token_urlsafe(SHORTEST_SECRET), "master_keys": new_master_key()}
        with tempfile.NamedTemporaryFile("w", dir=home, delete=False) as draft:  # NamedTemporaryFile makes it 0600
            json.dump(made, draft)
        try:
            os.link(draft.name, path)  # fails when another process was first: its secrets count
        except FileExistsError:
            pass
        finally:
            Path(draft.name).unlink()
    return dict(json.loads(path.read_text()))
