"""What was said beside what was heard: both spelled alike, then compared word by word (Levenshtein 1966)."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

from worker import audio

_UNITS = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
)
_TENS = "treinta cuarenta cincuenta sesenta setenta ochenta noventa"
_HUNDREDS = "cien doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
_SPANISH = {
    **{word: value for value, word in enumerate(_UNITS.split())},
    **{word: 10 * place for place, word in enumerate(_TENS.split(), 3)},
    **{word: 100 * place for place, word in enumerate(_HUNDREDS.split(), 1)},
    "ciento": 100,
    "mil": 1000,
}
with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # whisper leaves its word list open
    _ENGLISH, _BASIC = EnglishTextNormalizer(), BasicTextNormalizer()
NAMES = {
    language: frozenset(names.split())
    for language, names in tomllib.loads(
        Path(audio.__file__).with_name("medicine_names.toml").read_text(encoding="utf-8")
    ).items()
}
"""The names of medicines that the recogniser may listen for, by language."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Words that were changed, left out or added, and which of them matter most."""

    wrong: int = 0
    said: int = 0
    names_wrong: int = 0
    names_said: int = 0
    names_invented: int = 0
    """Names of medicines that were heard and that nobody said there."""
    numbers_wrong: int = 0
    numbers_said: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def rate(self) -> float:
        """The word error rate."""
        return self.wrong / self.said if self.said else 0.0


def compare(said: str, heard: str, language: str) -> Errors:
    """Count what is wrong in what was heard."""
    wanted, got = words(said, language), words(heard, language)
    aligned = jiwer.process_words(" ".join(wanted), " ".join(got)) if got else None
    right = {place for place, _ in _equal(aligned)} if aligned else set()
    heard_right = {place for _, place in _equal(aligned)} if aligned else set()
    names = [place for place, word in enumerate(wanted) if word in NAMES[language]]
    numbers = [place for place, word in enumerate(wanted) if word.isdigit()]
    invented = [word for place, word in enumerate(got) if word in NAMES[language] and place not in heard_right]
    wrong = aligned.substitutions + aligned.deletions + aligned.insertions if aligned else len(wanted)
    return Errors(
        wrong,
        len(wanted),
        sum(place not in right for place in names),
        len(names),
        len(invented),
        sum(place not in right for place in numbers),
        len(numbers),
    )


def words(text: str, language: str) -> list[str]:
    """A text as openai-whisper's own normalizers spell it for a comparison; Spanish numbers in digits, too."""
    if language == "en":
        return str(_ENGLISH(text)).split()
    return list(_in_digits(str(_BASIC(text)).split()))


def _equal(aligned: jiwer.WordOutput) -> Iterator[tuple[int, int]]:
    """Places of the words that are the same in both."""
    for part in aligned.alignments[0]:
        if part.type == "equal":
            yield from zip(
                range(part.ref_start_idx, part.ref_end_idx), range(part.hyp_start_idx, part.hyp_end_idx), strict=True
            )


def _in_digits(spanish: Sequence[str]) -> Iterator[str]:
    """Cardinal numbers up to 999,999 as digits: ciento cuarenta y dos, 140 y 2 and 142 are one and the same."""
    number: int | None = None
    joined = False  # whether `y` stands between two parts of a number
    for place, word in enumerate(spanish):
        value = _value(word)
        behind = _value(spanish[place + 1]) if place + 1 < len(spanish) else None
        if word == "y" and number is not None and number % 10 == 0 and behind in range(1, 10):
            joined = True
            continue
        if value is not None and number is not None and (joined or _follows(number, value, word)):
            number = number * 1000 if value == 1000 else number + value
        else:
            if number is not None:
                yield str(number)
            number = value
            if value is None:
                yield word
        joined = False
    if number is not None:
        yield str(number)


def _value(word: str) -> int | None:
    return _SPANISH.get(word, int(word) if re.fullmatch(r"[0-9]{1,6}", word) else None)


def _follows(number: int, value: int, word: str) -> bool:
    """Whether a number word goes on with the number before it; figures never do."""
    if word not in _SPANISH:
        return False
    return value == 1000 if value >= 1000 else number % 1000 == 0 or (number % 100 == 0 and value < 100)
