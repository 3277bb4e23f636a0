"""A text from symptoms that were filled in one by one, in the words in which a clinician would write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.ml.asked import Complaint, Symptoms


@dataclass(frozen=True, slots=True)
class Phrases:
    """How a language says it."""

    person: dict[str, str]
    """By gender."""
    aged: str
    lasting: str
    history: str


ENGLISH = Phrases(
    {"male": "man", "female": "woman"},
    aged="{age}-year-old {person}.",
    lasting="{what} for {time}",
    history="Past medical history: {what}.",
)
SPANISH = Phrases(
    {"male": "Hombre", "female": "Mujer"},
    aged="{person} de {age} años.",
    lasting="{what} desde hace {time}",
    history="Antecedentes personales: {what}.",
)
NOBODY = {"en": "patient", "es": "Paciente"}
CARRIES_ITS_OWN = ("for ", "since ", "desde ", "hace ", "over ", "durante ")


def compose(asked: Symptoms) -> str:
    """The text that is read; a text that was sent stands after what was said of age, gender and history."""
    language = "es" if asked.language == "es" else "en"
    phrases = SPANISH if language == "es" else ENGLISH
    return "\n".join(_lines(asked, phrases, NOBODY[language]))


def _lines(asked: Symptoms, phrases: Phrases, nobody: str) -> Iterator[str]:
    person = phrases.person.get(asked.gender or "", nobody)
    if asked.age is not None:
        yield phrases.aged.format(age=asked.age, person=person)
    elif person != nobody:
        yield f"{_capital(person)}."
    if asked.symptoms is not None:
        yield " ".join(_sentence(each, asked.duration, phrases) for each in asked.symptoms)
    if asked.history:
        yield phrases.history.format(what=", ".join(each.rstrip(" .") for each in asked.history))
    if asked.text is not None:
        yield asked.text


def _sentence(each: str | Complaint, duration: str | None, phrases: Phrases) -> str:
    told = Complaint(name=each) if isinstance(each, str) else each
    what = told.name.rstrip(" .")
    if told.severity is not None:
        after = phrases is SPANISH
        what = f"{what} {told.severity}" if after else f"{told.severity} {what}"
    time = told.duration or duration
    if time is not None:
        whole = time.lower().startswith(CARRIES_ITS_OWN)
        what = f"{what} {time}" if whole else phrases.lasting.format(what=what, time=time)
    return f"{_capital(what)}."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
