"""A small pipeline whose result anybody can work out from the text.

Each stage sleeps 50 to 300 ms and adds one link to a chain of hashes: a stage that ran twice, or not at all, or on
another text, shows in the result. A text that ends with the name of a poison fails in the second stage, each time.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

from shared.job import StageName

STAGES = (StageName.EXTRACT, StageName.SUMMARIZE, StageName.ASSEMBLE)
SHORTEST_S, LONGEST_S = 0.05, 0.3
MANIFEST = "[packages]\n[models]\n[profiles.small]\n"
"""A profile without models, so that the worker loads nothing."""
WORDS = ("cough", "fever", "rash", "pain", "left", "right", "mild", "severe", "daily", "since", "denies", "reports")


class Poison(StrEnum):
    """What a poison job does to each of its attempts."""

    RAISES = "poison-raises"
    KILLS = "poison-kills"
    EXITS = "poison-exits"
    SEGFAULTS = "poison-segfaults"


def note(seed: int, number: int, poison: Poison | None = None) -> str:
    """The text of one job; no two are the same."""
    said = " ".join(Random(f"{seed}/{number}").choices(WORDS, k=12))
    return f"Note {number} of run {seed}: {said}.{f' {poison}' if poison else ''}"


def link(before: str, stage: StageName) -> str:
    """What a stage adds, from what stood there before."""
    return hashlib.sha256(f"{before}|{stage.value}".encode()).hexdigest()


def expected(text: str) -> dict[str, Any]:
    """What a client must read of this text: the summary of the result and the Bundle."""
    chain, before = [], text
    for stage in STAGES:
        before = link(before, stage)
        chain.append({"section": stage.value, "text": before, "support": "supported", "evidence": []})
    return {"summary": chain, "bundle": bundle(before)}


def bundle(last: str) -> dict[str, Any]:
    """The Bundle of this pipeline."""
    return {"resourceType": "Bundle", "type": "transaction", "id": last}


def sleep_s(text: str, stage: StageName) -> float:
    """How long a stage takes over a text, in seconds."""
    return Random(f"{text}/{stage.value}").uniform(SHORTEST_S, LONGEST_S)


def write_manifest(folder: Path) -> Path:
    """Write the manifest of the profile `small`, and return its path."""
    path = folder / "small.toml"
    path.write_text(MANIFEST)
    return path
