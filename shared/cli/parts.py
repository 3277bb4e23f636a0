"""Modules of `api` and `worker`, reached by their names when a command needs them.

`shared` stands below both and may not import them; and a machine that runs one of them need not have the other.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from shared.errors import ClinqError


class PartMissingError(ClinqError):
    """A part of clinq is not installed here."""

    code = "part_missing"


def part(module: str) -> ModuleType:
    """Import a module by name. Raises PartMissingError when it, or a library that it needs, is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        extra = module.split(".")[0]
        raise PartMissingError(f"{error.name} is not installed here: pip install 'clinq[{extra}]'") from error
