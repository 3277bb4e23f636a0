"""Questions and answers: facts come from what is affirmed, not from what is asked."""

from __future__ import annotations

import pytest

from tests.worker.clinical.test_facts_of_sentences import head, parts_of
from worker.clinical.facts import facts

TALKS: dict[str, tuple[str, ...]] = {
    "Doctor: Any chest pain?\nPatient: No.\nDoctor: Shortness of breath?\nPatient: Yes, when I climb stairs.": (
        "symptom | chest pain | absent",
        "symptom | Shortness of breath |",
    ),
    "Do you have any fever or chills? No. What about a cough? Yeah, I've had a dry cough for about a week.": (
        "symptom | fever | absent",
        "symptom | chills | absent",
        "symptom | dry cough | | duration=a week duration_days=7",
    ),
    "Doctor: What brings you in?\nPatient: I have a cough.\nDoctor: How long have you had it?\n"
    "Patient: About two weeks.\nDoctor: How bad is it?\nPatient: It's pretty severe.": (
        "symptom | cough | | duration=two weeks duration_days=14 severity=severe",
    ),
    "Doctor: Hi.\nPatient: I have bad headaches and my vision is blurry.\nDoctor: When did the headaches start?\n"
    "Patient: About three days ago. It's on the right side.": (
        "symptom | headaches | | severity=bad duration=three days duration_days=3 laterality=right",
        "symptom | vision is blurry |",
        "symptom | headaches |",
    ),
    "Doctor: Do you take metformin?\nPatient: Yes, 500 milligrams twice a day.": (
        "medication | metformin | | dose=500 unit=mg frequency=twice a day",
    ),
    "Doctor: Any allergies?\nPatient: No, none that I know of.": ("allergy | allergies |",),
    "Doctor: Are you allergic to latex?\nPatient: No.": ("allergy | latex | absent",),
    "Doctor: Does anyone in your family have heart disease?\nPatient: Yes, my mother.": (
        "condition | heart disease | family:mother",
    ),
    "Doctor: And in the family?\nPatient: Diabetes and asthma.": (
        "condition | Diabetes | family:family member",
        "condition | asthma | family:family member",
    ),
    "Doctor: How old are you?\nPatient: Fifty-seven.": ("demographic | Fifty-seven | | value=57",),
    "Doctor: Have you ever had surgery?\nPatient: I had my appendix out when I was twenty.": (
        "procedure | appendix out | past",
    ),
    "Doctor: Does that help the pain?\nPatient: No, not really.": (),
    "Doctor: So it looks like bronchitis. I'll prescribe azithromycin 250 mg daily for 5 days.\nPatient: Thank you.": (
        "condition | bronchitis | possible",
        "medication | azithromycin | planned | dose=250 duration=5 days",
    ),
    "Doctor: Has he had a fever?\nMother: Yes, since yesterday. My son also has a rash.": (
        "symptom | fever | | duration=since yesterday",
        "symptom | rash |",
    ),
    "[doctor] any chest pain or shortness of breath ?\n[patient] no .\n[doctor] how about your diabetes ?\n"
    "[patient] it's fine .": (
        "symptom | chest pain | absent",
        "symptom | shortness of breath | absent",
        "condition | diabetes |",
    ),
    "Patient: Could this be a stroke?\nDoctor: No, this is a migraine.": (
        "condition | stroke | absent",
        "condition | migraine |",
    ),
    "Médico: ¿Tiene fiebre?\nPaciente: No.\nMédico: ¿Dolor de garganta?\nPaciente: Sí, desde ayer.": (
        "symptom | fiebre | absent",
        "symptom | Dolor de garganta | | duration=desde ayer duration_days=1",
    ),
    "Médico: ¿Es alérgico a algo?\nPaciente: No.\nMédico: ¿Cuántos años tiene?\nPaciente: Treinta y dos.": (
        "allergy | alérgico a algo |",
        "demographic | Treinta y dos | | value=32",
    ),
}


@pytest.mark.parametrize(("text", "expected"), TALKS.items(), ids=[each[:40] for each in TALKS])
def test_a_conversation_says_exactly_this(text: str, expected: tuple[str, ...]) -> None:
    found = facts(text).mentions
    assert [head(each) for each in found] == [parts_of(line)[0] for line in expected]
    for mention, line in zip(found, expected, strict=True):
        for name, value in parts_of(line)[1].items():
            assert mention.attribute(name) == value, (mention.text, name)
