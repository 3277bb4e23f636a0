"""Versions of a small classifier, registered in a ledger's database as `clinq models add` does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared import model_acts, model_store
from shared.audit import Actor
from shared.database import Database
from shared.job import StageName
from shared.models import NewVersion, Version

OPERATOR = Actor("operator:test", "default")


@dataclass(frozen=True)
class Versions:
    """Makes versions for one database and one folder of models."""

    database: Database
    models_dir: Path
    scratch: Path

    def add(self, version: str, *, filler_bytes: int = 0, engine: str = "rules") -> Version:
        """Register one more version of a classifier that loads at once: a folder of its own, and its own threshold.

        A large filler takes a while to be hashed; another engine than rules finds no weights in it.
        """
        folder = self.scratch / f"tiny-{version}"
        folder.mkdir()
        (folder / "config.json").write_text(f'{{"version": "{version}"}}', encoding="utf-8")
        if filler_bytes:
            with (folder / "filler.txt").open("wb") as file:
                file.truncate(filler_bytes)
        kept = model_store.keep(folder, None, model_store.all_files(folder), self.models_dir)
        new = NewVersion(
            StageName.CLASSIFY,
            "tiny",
            version,
            engine,
            kept.folder,
            kept.sha256,
            size_bytes=kept.size_bytes,
            licence="MIT",
            options={"threshold": "0.3"},
        )
        with self.database.write() as connection:
            return model_acts.register(connection, OPERATOR, new)
