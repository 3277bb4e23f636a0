"""`run.json` in the home: where the service of this home runs, for scripts and for the client commands."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

NAME = "run.json"


class RunFile(BaseModel):
    """The service that runs in a home; the file is readable by its owner alone, because it holds a key."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    api_key: str
    pids: dict[str, int | list[int]]
    """By role: redis, api and reaper are one process each, worker is a list."""


def write(home: Path, *, url: str, api_key: str, pids: Mapping[str, tuple[int, ...]]) -> None:
    """Put the file in place in one step: who reads it finds the old one or the new one."""
    by_role = {role: list(ids) if role == "worker" else ids[0] for role, ids in pids.items()}
    document = RunFile(url=url, api_key=api_key, pids={"worker": [], **by_role}).model_dump()
    with tempfile.NamedTemporaryFile("w", dir=home, prefix=f".{NAME}.", delete=False) as draft:  # its mode is 0600
        json.dump(document, draft, indent=2)
    Path(draft.name).replace(home / NAME)


def read(home: Path) -> RunFile | None:
    """The file as it stands; None when nothing runs in this home, or the file is not ours."""
    try:
        return RunFile.model_validate_json((home / NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def remove(home: Path) -> None:
    """Nothing runs here any more."""
    (home / NAME).unlink(missing_ok=True)
