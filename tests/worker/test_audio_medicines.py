"""A misheard medicine is mended only when a second hearing says its name at the same place."""

from __future__ import annotations

import numpy as np
import pytest

from tests.worker.scripted import Scripted, phrase
from worker.audio.engine import SAMPLE_RATE_HZ, Phrase
from worker.audio.medicines import HearAgain, Medicines, load, mend

SOUND = np.zeros(2 * SAMPLE_RATE_HZ, np.float32)
NAMES = Medicines(["metformin", "sumatriptan", "lisinopril", "quinapril", "heparin"])


def heard(text: str, *, sure: float = 0.6) -> Phrase:
    return phrase(text, 0.0, 2.0, sure=sure)


def again(engine: Scripted) -> HearAgain:
    return lambda sound, hints: engine.hear(sound, "en", hints).phrases


@pytest.mark.parametrize(
    ("first", "second", "mended"),
    [
        ("just met Foreman, 500 milligrams", "just metformin 500 milligrams", " just metformin, 500 milligrams"),
        ("start SumitriptN50mg today", "start sumatriptan 50mg today", " start sumatriptan 50mg today"),
        ("Lysinopril daily.", "lisinopril daily", " Lisinopril daily."),
    ],
)
def test_a_name_heard_twice_replaces_what_was_misheard(first: str, second: str, mended: str) -> None:
    result = mend(heard(first), SOUND, again(Scripted([second])), NAMES)

    assert result.text == mended
    assert [word.mended for word in result.words].count(True) == 1
    assert (result.words[0].start_s, result.words[-1].end_s) == (0.0, pytest.approx(2.0))


@pytest.mark.parametrize("second", ["I have the pain again", "", "heparin or nothing at all then I said"])
def test_a_name_that_is_not_heard_at_that_place_changes_nothing(second: str) -> None:
    first = heard("I have the pain")

    assert mend(first, SOUND, again(Scripted([second, second])), NAMES) is first


def test_words_that_were_clear_are_not_questioned() -> None:
    engine = Scripted(["heparin"])

    mend(heard("I have the pain", sure=0.97), SOUND, again(engine), NAMES)

    assert engine.seconds == []


def test_a_name_that_was_heard_at_once_is_left_alone() -> None:
    engine = Scripted(["quinapril"])

    mend(heard("take Lisinopril 10 mg"), SOUND, again(engine), NAMES)

    assert engine.seconds == []


def test_a_tenants_own_names_count_in_each_language() -> None:
    for medicines in load(["Zelnorvax"]).values():
        (suspect,) = medicines.suspects(heard("zel nor vacs").words)
        assert suspect.names[0] == "Zelnorvax"
