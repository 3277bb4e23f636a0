"""What a summary without a model tells of talk, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shared.case import Case
from worker.clinical import outline
from worker.clinical.facts import facts

CaseOf = Callable[..., Case]


def told(case: Case, language: str = "en") -> Case:
    """The case with its facts and its summary."""
    assert case.text is not None
    found = facts(case.text, language)
    read = replace(case, language=language, sections=found.sections, mentions=found.mentions)
    return replace(read, summary=outline.summary(read), narrative=outline.narrative(read))


def test_habits_that_are_denied_are_told(case_of: CaseOf) -> None:
    done = told(case_of("Doctor: Do you smoke or drink? \nPatient: No, none of that."))
    assert [each.text for each in done.summary] == ["No smoking or alcohol use."]


def test_talk_without_facts_is_told_by_what_was_stated(case_of: CaseOf) -> None:
    text = "Doctor: Where do you work?\nGuest_family: Well, he cooks at the hotel.\nDoctor: Okay.\nGuest_family: Yes."
    done = told(case_of(text))
    assert [each.text for each in done.summary] == ["Well, he cooks at the hotel."]
    assert [each.text for each in done.narrative] == ["Well, he cooks at the hotel."]


def test_two_clinicians_are_quoted_without_their_names(case_of: CaseOf) -> None:
    text = "Guest_clinician: Were you able to ask her?\nDoctor: She has a long history of alcohol abuse."
    done = told(case_of(text))
    assert [each.text for each in done.summary] == ["She has a long history of alcohol abuse."]
    assert done.text is not None
    [evidence] = done.summary[0].evidence
    assert done.quote(evidence) == done.summary[0].text


def test_what_somebody_is_or_does_is_told_by_its_name(case_of: CaseOf) -> None:
    done = told(case_of("Doctor: What happened?\nPatient: I passed out and I have been exhausted since."))
    assert done.summary[0].text == "Syncope and fatigue."


def test_whose_illness_it_is_stays_with_the_sentence(case_of: CaseOf) -> None:
    done = told(case_of("FAMILY HISTORY\nMother: Lymphoma.\nFather: Prostate cancer, heart disease."))
    assert [each.text for each in done.summary] == ["Mother: Lymphoma.", "Father: Prostate cancer, heart disease."]


def test_an_abbreviation_ends_no_sentence(case_of: CaseOf) -> None:
    text = "Mrs. Brown is a 75 y.o. female with chest pain. She takes aspirin 81 mg. daily."
    assert [each.text for each in told(case_of(text)).summary] == [
        "Mrs. Brown is a 75 y.o. female with chest pain.",
        "She takes aspirin 81 mg. daily.",
    ]


NOTA = """ANTECEDENTES PERSONALES: Varón de 68 años. HTA, DM2. Alergia a penicilina (urticaria).
ENFERMEDAD ACTUAL: Refiere disnea de esfuerzo desde hace 2 semanas, con tos. Disnea de reposo hoy.
No dolor torácico, no palpitaciones ni síncope. Niega edemas, náuseas, vómitos y diarrea.
EXPLORACIÓN FÍSICA: TA 145/85 mmHg, FC 98 lpm. Crepitantes en base derecha. Ictericia. No edemas.
PRUEBAS COMPLEMENTARIAS: Hb 13,2 g/dL, leucocitos 14.500, creatinina 1,1 mg/dL. Infiltrado.
JUICIO CLÍNICO: Neumonía de probable origen bacteriano. Se descarta TEP.
PLAN: Amoxicilina 500 mg cada 8 horas. Control en 48 horas."""


def test_a_summary_never_leaves_out_allergies_assessment_and_plan(case_of: CaseOf) -> None:
    texts = [each.text for each in told(case_of(NOTA), "es").summary]
    assert {
        "Alergia a penicilina (urticaria).",
        "Neumonía de probable origen bacteriano.",
        "Amoxicilina 500 mg cada 8 horas.",
    } <= {*texts}


def test_a_heading_is_no_part_of_a_sentence(case_of: CaseOf) -> None:
    done = told(case_of(NOTA), "es")
    assert not any(each.text.isupper() or ":" in each.text for each in done.summary)
    assert {each.section for each in done.summary} >= {"subjective", "history", "objective", "assessment", "plan"}


def test_a_spanish_list_reads_as_spanish_does(case_of: CaseOf) -> None:
    words = told(case_of("Tos, crepitantes en base derecha e ictericia."), "es").narrative[0].text
    assert words == "Tos, crepitantes (lado derecho) e ictericia."


def test_talk_without_speakers_is_told_as_facts_too(case_of: CaseOf) -> None:
    text = "What brings you in? I have a headache. Any fever? No. Do you take anything? Just metformin."
    assert [each.text for each in told(case_of(text)).summary] == ["Headache; no fever.", "Takes metformin."]


def test_a_note_that_quotes_a_question_stays_a_note(case_of: CaseOf) -> None:
    text = 'CHIEF COMPLAINT: "Can you help me sleep? I am tired."\nASSESSMENT: Insomnia.'
    assert "Insomnia." in [each.text for each in told(case_of(text)).summary]


def test_what_only_the_patient_can_say_is_not_repeated(case_of: CaseOf) -> None:
    done = told(case_of("Doctor: Any illnesses?\nPatient: I've had migraines since my 20s."))
    assert [each.text for each in done.summary] == ["Conditions: migraines."]
