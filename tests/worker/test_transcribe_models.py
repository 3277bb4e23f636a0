"""Real recordings through the real weights: how many words are wrong, who spoke, and what is never invented."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

from shared.case import Case, Origin
from shared.registry import ModelVersion
from tests.conftest import FIXTURES, RecordingDesk
from worker.audio import faster, openai
from worker.audio.decode import as_floats, decode
from worker.stage import Device
from worker.stages.transcribe import load

MODELS = Path(os.environ.get("CLINQ_MODELS_DIR", "~/.cache/clinq/models")).expanduser()
WHISPER = ModelVersion("whisper-base", "faster-whisper", path=MODELS / "whisper-base")
with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # whisper leaves its word list open
    NORMAL = {"en": EnglishTextNormalizer(), "es": BasicTextNormalizer()}

CONSULTATION = """Good morning, I'm Doctor Ramirez. What brings you in today? Good morning, doctor. I've had a
headache for three days now, and it isn't going away. I'm sorry to hear that. Where does it hurt, and how bad is
it? It's on the right side, behind my eye. I'd call it moderate, about a six out of ten. It throbs. You're
forty-five, is that right? Have you had headaches like this before? Yes, I'm forty-five. I've had migraines
since my twenties, but this one is lasting longer than usual. Any nausea or vomiting? Does light bother you? A
little nausea, but no vomiting. Bright light does make it worse. Any fever, neck stiffness, weakness, or trouble
with your speech? No, none of that. What medicines do you take every day? Just metformin, five hundred
milligrams twice daily, for diabetes. I tried ibuprofen yesterday and it didn't help much. Are you allergic to
anything? Yes, penicillin. It gave me a rash as a child. And in the family? My father had a stroke when he was
seventy. Okay. Your blood pressure today is one forty-two over ninety-one, so we'll repeat that. I think this is
a migraine. Let's start sumatriptan fifty milligrams, and come back in two weeks. Thank you, doctor."""

DICTATION = """Assessment and plan. This is a sixty-seven year old woman with congestive heart failure, seen for
follow up. She reports less shortness of breath and no chest pain. Blood pressure is one twenty-eight over
seventy-four, heart rate seventy-two. There is trace edema in the left ankle. Lungs are clear bilaterally.
Continue lisinopril twenty milligrams daily. Increase furosemide from twenty to forty milligrams every morning.
Stop naproxen. Check a basic metabolic panel in one week. Follow up in four weeks."""

CONSULTA = """Buenos días, soy la doctora Herrera. ¿Qué le trae por la consulta? Buenos días, doctora. Tengo
dolor de cabeza desde hace tres días. ¿En qué parte le duele y cómo es de fuerte? En el lado derecho, detrás del
ojo. Es moderado, un seis sobre diez. ¿Ha tenido vómitos, fiebre o rigidez en el cuello? No, vómitos no. Solo un
poco de náuseas, y me molesta la luz. ¿Toma alguna medicación todos los días? Sí, metformina, quinientos
miligramos dos veces al día. Tengo diabetes. ¿Es alérgico a algún medicamento? Sí, soy alérgico a la penicilina.
¿Y antecedentes en la familia? Mi padre tuvo un ictus a los setenta años. Su tensión arterial es de ciento
cuarenta y dos sobre noventa y uno. Creo que es una migraña. Vamos a empezar con sumatriptán y nos vemos en dos
semanas."""

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def transcribe() -> Callable[[str], Case]:
    """Transcribe a fixture, each one once."""
    stage = load(WHISPER, Device())
    origin = Origin("0199d0a0-0000-7000-8000-000000000001", "default", datetime(2026, 3, 1, tzinfo=UTC))

    @cache
    def of(name: str) -> Case:
        return stage.run([Case(origin)], RecordingDesk(FIXTURES / name))[0]

    return of


def word_error_rate(case: Case, said: str) -> float:
    """Words that were changed, left out or added, by the words that were said (Levenshtein 1966)."""
    normal = NORMAL[case.language or "en"]
    wanted, heard = normal(said).split(), normal(case.text or "").split()
    costs = list(range(len(heard) + 1))
    for row, word in enumerate(wanted, 1):
        corner, costs[0] = costs[0], row
        for column, other in enumerate(heard, 1):
            corner, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, corner + (word != other)),
            )
    return costs[-1] / len(wanted)


@pytest.mark.parametrize(
    ("name", "said", "language", "most"),
    [
        ("demo_consultation.flac", CONSULTATION, "en", 0.10),
        ("demo_dictation.flac", DICTATION, "en", 0.10),
        ("demo_consulta_es.flac", CONSULTA, "es", 0.20),
    ],
)
def test_few_words_are_wrong(
    transcribe: Callable[[str], Case], name: str, said: str, language: str, most: float
) -> None:
    case = transcribe(name)

    assert case.language == language
    assert case.insufficient is None
    assert word_error_rate(case, said) <= most


@pytest.mark.parametrize(
    ("name", "medicines"),
    [
        ("demo_consultation.flac", ["metformin", "ibuprofen", "penicillin", "sumatriptan"]),
        ("demo_dictation.flac", ["lisinopril", "furosemide", "naproxen"]),
        ("demo_consulta_es.flac", ["metformina", "penicilina", "sumatriptán"]),
    ],
)
def test_medicines_are_named_right(transcribe: Callable[[str], Case], name: str, medicines: list[str]) -> None:
    text = (transcribe(name).text or "").casefold()

    assert [each for each in medicines if each not in text] == []


def test_a_stereo_consultation_becomes_turns_of_clinician_and_patient(transcribe: Callable[[str], Case]) -> None:
    case = transcribe("demo_consultation_stereo.flac")
    by_speaker = {
        speaker: " ".join((case.text or "")[each.start : each.end] for each in case.segments if each.speaker == speaker)
        for speaker in ("clinician", "patient")
    }

    assert word_error_rate(case, CONSULTATION) <= 0.10
    assert "penicillin" in by_speaker["patient"]
    assert "penicillin" not in by_speaker["clinician"]
    assert re.search(r"blood pressure", by_speaker["clinician"])
    assert re.search(r"father had a stroke", by_speaker["patient"])


def test_words_stand_at_their_times(transcribe: Callable[[str], Case]) -> None:
    case = transcribe("demo_dictation.flac")
    words = {(case.text or "")[word.start : word.end]: word for each in case.segments for word in each.words}

    assert words["Lungs"].start_s == pytest.approx(18.6, abs=0.4)
    assert all(word.start_s <= word.end_s for word in words.values())


def test_three_words_are_too_little_and_are_still_shown(transcribe: Callable[[str], Case]) -> None:
    case = transcribe("short_3_words.flac")

    assert case.insufficient
    assert "thank you" in (case.text or "").casefold()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # whisper leaves its vocabulary file open
def test_both_engines_read_the_same_weights_and_hear_the_same_words() -> None:
    (channel,) = decode(FIXTURES / "demo_dictation.flac")
    sound = as_floats(channel[: 7 * 16_000])

    said = [
        " ".join(phrase.text.strip() for phrase in engine.load(WHISPER, Device()).hear(sound, "en").phrases)
        for engine in (faster, openai)
    ]

    assert NORMAL["en"](said[0]) == NORMAL["en"](said[1])
    assert "heart failure" in said[0]
