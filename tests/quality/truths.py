"""True sentences about a text: its own, and rewrites that keep what they say."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from worker.clinical import folded

OWN = Path(__file__).with_name("guard_pairs.jsonl")
SHORTEST, LONGEST = 4, 40
"""Words of a sentence that is taken."""
A_NOTE, A_DIALOGUE = 8, 3
"""Sentences taken from one source."""

_TENSES = (
    ("reports", "reported"),
    ("denies", "denied"),
    ("presents", "presented"),
    ("states", "stated"),
    ("notes", "noted"),
)
_BEHIND = re.compile(
    r"^(?P<rest>(?:The patient|He|She) [^.;]*?),? (?P<when>for the (?:past|last) [\w ]+|since [\w ]+)\.$"
)
_LIST = re.compile(
    r"\b(?P<verb>[Dd]enies|reports|including|and) (?P<one>[a-z]+), (?P<two>[a-z]+),? "
    r"(?P<joint>and|or) (?P<three>[a-z]+)\.$"
)
_FIRST_PERSON = re.compile(
    r"^Patient:\s*(?:(?:Yes|Yeah|Well|So|Um|Uh|Okay)[, ]+)*"
    r"(?P<said>(?:I have|I've had|I've been|I had|I take|I am taking|I was diagnosed with|My) [^.?!,]{8,120})[.,]"
)
_THIRD = (
    ("I have ", "The patient has "),
    ("I've had ", "The patient has had "),
    ("I've been ", "The patient has been "),
    ("I had ", "The patient had "),
    ("I take ", "The patient takes "),
    ("I am taking ", "The patient is taking "),
    ("I was ", "The patient was "),
    ("My ", "The patient's "),
)


@dataclass(frozen=True, slots=True)
class Truth:
    """A sentence that its source says."""

    source: str
    sentence: str
    made: str
    """verbatim, or which rewrite it is."""
    language: str = "en"


def of_public_sets(data: Path, split: str) -> Iterator[Truth]:
    """Truths from ACI-Bench and MTS-Dialog: `dev` is of their training parts, `held` of their validation parts."""
    notes = _rows(data / "aci-bench" / ("train.csv" if split == "dev" else "valid.csv"))
    name = "MTS-Dialog-TrainingSet.csv" if split == "dev" else "MTS-Dialog-ValidationSet.csv"
    short = _rows(data / "mts-dialog" / name)
    short = Random(split).sample(short, min(100, len(short)))
    for text in (*(row["note"] for row in notes), *(row["section_text"] for row in short)):
        yield from _of_note(text)
    for row in short:
        yield from _of_dialogue(row["dialogue"])


def own() -> list[Truth]:
    """The pairs that this project keeps: a source and one sentence that it says, English and Spanish."""
    rows = map(json.loads, OWN.read_text(encoding="utf-8").splitlines())
    return [Truth(row["source"], row["sentence"], "own", row["language"]) for row in rows]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _of_note(text: str) -> Iterator[Truth]:
    said = [" ".join(text[span.start : span.end].split()) for span in folded.sentences(text)]
    said = [re.sub(r"^[•\-*]\s*", "", each) for each in said]
    whole = [each for each in said if SHORTEST <= len(each.split()) <= LONGEST and each.endswith(".")]
    for each in Random(text).sample(whole, min(A_NOTE, len(whole))):
        yield Truth(text, each, "verbatim")
        yield from (Truth(text, made, kind) for kind, made in _rewrites(each, text))
    for one, two in list(pairwise(whole))[3:5]:
        if len(f"{one} {two}".split()) <= LONGEST:
            yield Truth(
                text,
                f"{one[:-1]}; {two[0].lower() if two.startswith(('He ', 'She ', 'The ')) else two[0]}{two[1:]}",
                "joined",
            )


def _rewrites(sentence: str, text: str) -> Iterator[tuple[str, str]]:
    words = set(folded.fold(text).split())
    pronoun = (
        "He"
        if {"he", "his"} & words and not {"she", "her"} & words
        else "She"
        if {"she", "her"} & words and not {"he", "his"} & words
        else ""
    )
    if sentence.startswith(("He ", "She ")):
        yield "subject", f"The patient {sentence.split(' ', 1)[1]}"
    elif pronoun and sentence.startswith("The patient "):
        yield "subject", pronoun + sentence.removeprefix("The patient")
    for now, then in _TENSES:
        if re.search(rf"\b{now}\b", sentence):
            yield "tense", re.sub(rf"\b{now}\b", then, sentence)
    moved = _BEHIND.match(sentence)
    if moved and not re.search(r"\b(?:and|or|but|prior|to)\b", moved["when"]):
        when, rest = moved["when"], moved["rest"]
        yield "order", f"{when[0].upper()}{when[1:]}, {rest[0].lower()}{rest[1:]}."
    if listed := _LIST.search(sentence):
        made = f"{listed['verb']} {listed['three']}, {listed['two']}, {listed['joint']} {listed['one']}."
        yield "order", sentence[: listed.start()] + made


def _of_dialogue(text: str) -> Iterator[Truth]:
    found = [each["said"] for line in text.splitlines() if (each := _FIRST_PERSON.match(line.strip()))]
    for said in found[:A_DIALOGUE]:
        lead, third = next((first, third) for first, third in _THIRD if said.startswith(first))
        rest = said.removeprefix(lead)
        if not re.search(r"\b(?:I|I'm|I've|me|you|your|we|my)\b", rest):
            yield Truth(text, f"{third}{rest.strip()}.", "third person")
