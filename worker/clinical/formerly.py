"""Habits and drugs that belong to the past: I quit ten years ago, I used to take it, I stopped it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.questions import Exchange
from worker.clinical.reading import Reading
from worker.clinical.replies import over, stopped

HABITS = frozenset({"social", "medication"})
_TURNS = re.compile(
    r"(?<!\w)(?:but|now|instead|so|and then|pero|ahora|asi que|entonces)(?!\w)|"
    r",? (?:and|y) (?=(?:the|el|la|los|las) \w)"
)
"""Where an answer goes on to something else."""


def once(finding: Finding, exchange: Exchange, reading: Reading) -> Finding:
    """Do you smoke? I quit ten years ago: it was so once."""
    if finding.kind not in HABITS or finding.assertion != "present" or not exchange.answers:
        return finding
    first = exchange.answers[0]
    word = over(reading.text, first.start, exchange.answers[min(1, len(exchange.answers) - 1)].end)
    return ended(finding, word) if word else finding


def once_given(finding: Finding, exchange: Exchange, reading: Reading) -> Finding:
    """The same of what the answer itself names, by words of its own clause: I used to take X, but now I take Y."""
    if finding.kind not in HABITS or finding.assertion != "present" or finding.temporality != "current":
        return finding
    said = next(each for each in exchange.answers if finding in each.findings)
    turns = [said.start, *(each.end() for each in _TURNS.finditer(reading.text, said.start, said.end)), said.end]
    start, end = next(pair for pair in pairwise(turns) if finding.start < pair[1])
    word = over(reading.text, start, end) or stopped(reading.text, finding.end, said.end)
    return ended(finding, word) if word else finding


def ended(finding: Finding, word: Stretch) -> Finding:
    """The finding as something of the past, as these words say."""
    traits = tuple(each for each in finding.traits if each.name != "status")
    finding = replace(with_cue(finding, word), temporality="past", traits=traits)
    return finding.with_traits(Trait("status", "stopped", word)) if finding.kind == "medication" else finding


def with_cue(finding: Finding, where: Stretch) -> Finding:
    """The finding, settled by these words of an answer."""
    return replace(finding, cues=(*finding.cues, where), settled=True)
