"""Words become lines of about a sentence, and every offset selects exactly its word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.worker.scripted import SURE, phrase
from worker.audio.engine import Spoken
from worker.audio.lines import Line, Said, gather, lay_out, without_echoes


def said(text: str, start_s: float = 0.0, end_s: float = 2.0) -> list[Said]:
    return [Said(word, SURE) for word in phrase(text, start_s, end_s).words]


def line(speaker: str | None, text: str, start_s: float = 0.0, end_s: float = 2.0, *, sure: float = 0.95) -> Line:
    return Line(speaker, tuple(Said(word, SURE) for word in phrase(text, start_s, end_s, sure=sure).words))


def texts(words: list[Said]) -> list[str]:
    return [lay_out(each, 0, ())[0] for each in gather(None, words)]


def test_a_pause_behind_a_sentence_ends_the_line() -> None:
    assert texts([*said("Does it hurt?", 0, 1), *said("Yes, a lot.", 1.4, 2)]) == ["Does it hurt?", "Yes, a lot."]


def test_sentences_without_a_pause_stay_in_one_line() -> None:
    assert texts([*said("It throbs.", 0, 1), *said("Badly.", 1.05, 2)]) == ["It throbs. Badly."]


def test_a_title_does_not_end_a_line() -> None:
    assert texts([*said("Good morning, Dr.", 0, 1), *said("Ramirez.", 1.5, 2)]) == ["Good morning, Dr. Ramirez."]


def test_a_short_pause_in_mid_sentence_does_not_end_a_line_and_a_long_one_does() -> None:
    assert texts([*said("five hundred", 0, 1), *said("milligrams", 2, 3)]) == ["five hundred milligrams"]
    assert texts([*said("five hundred", 0, 1), *said("milligrams", 4, 5)]) == ["five hundred", "milligrams"]


def test_a_piece_is_joined_to_its_word() -> None:
    words = [*said("for follow", 0, 1), Said(Spoken("-up.", 1.0, 1.3, 0.4), SURE, continues=True)]

    (only,) = gather(None, words)
    text, segment = lay_out(only, 7, ())

    assert text == "for follow-up."
    last = segment.words[-1]
    assert (last.start, last.end, last.end_s, last.probability) == (11, 21, 1.3, 0.4)


def test_a_sentence_heard_by_both_microphones_is_kept_once_from_the_better_one() -> None:
    clear = line("patient", "I have had a headache for days", 1.0, 3.0)
    echo = line("clinician", "I have a headache for days", 1.1, 3.0, sure=0.5)

    assert list(without_echoes([clear, echo])) == [clear]


def test_the_same_answer_given_later_is_no_echo() -> None:
    lines = [line("clinician", "Thank you.", 0, 1), line("patient", "Thank you.", 1.2, 2)]

    assert list(without_echoes(lines)) == lines


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1), min_size=1), st.integers(0, 99)
)
def test_offsets_select_each_word_in_any_script(words: list[str], start: int) -> None:
    spoken = tuple(Said(Spoken(f" {word}", 0.0, 1.0, 0.9), SURE) for word in words if word.strip())
    if not spoken:
        return
    text, segment = lay_out(Line(None, spoken), start, ())

    found = [text[each.start - start : each.end - start] for each in segment.words]
    assert found == [each.word.text.strip() for each in spoken]
    assert (segment.start, segment.end) == (start, start + len(text))
