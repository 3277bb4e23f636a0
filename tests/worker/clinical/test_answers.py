"""Answers that pick, doubt, agree or look back, questions that take things as known, and follow-ups."""

from __future__ import annotations

import pytest

from tests.worker.clinical.test_facts_of_sentences import head, parts_of
from worker.clinical.facts import facts
from worker.clinical.replies import Answer, polarity

TALKS: dict[str, tuple[str, ...]] = {
    # answers that pick
    "Doctor: Any nausea or vomiting?\nPatient: Just the nausea.": (
        "symptom | vomiting | absent",
        "symptom | nausea |",
    ),
    "Doctor: Any nausea or vomiting?\nPatient: Yes, some nausea.": ("symptom | nausea |",),
    "Doctor: Have you had any fever, cough, or diarrhea?\nPatient: The first and the last.": (
        "symptom | fever |",
        "symptom | diarrhea |",
    ),
    "Doctor: Are you having any dizziness? Nausea?\nPatient: Yes, both.": (
        "symptom | dizziness |",
        "symptom | Nausea |",
    ),
    "Doctor: Any fever or chills? Any cough?\nPatient: Yes.": (
        "symptom | fever | possible",
        "symptom | chills | possible",
        "symptom | cough |",
    ),
    # answers that do not say yes or no
    "Doctor: Do you feel short of breath?\nPatient: Just when I climb stairs.": ("symptom | short of breath |",),
    "Doctor: Have you had any weakness?\nPatient: It is mild.": ("symptom | weakness | | severity=mild",),
    "Doctor: Do you have any palpitations?\nPatient: I think so.": ("symptom | palpitations | possible",),
    "Doctor: Do you have any chest pain?\nPatient: I'm not sure.": (),
    "Doctor: Any tremor?\nPatient: Yeah, no, I haven't.": ("symptom | tremor | absent",),
    "Doctor: No fevers?\nPatient: Right.": ("symptom | fevers | absent",),
    # what is over
    "Doctor: Do you smoke?\nPatient: I quit ten years ago.": ("social | smoke | past",),
    "Doctor: Do you smoke?\nPatient: Not anymore.": ("social | smoke | past",),
    "Doctor: How's your back pain?\nPatient: I'm not really having any more.": ("symptom | back pain | absent",),
    # what a question takes as known
    "Doctor: How is your asthma?\nPatient: It's been okay.": ("condition | asthma |",),
    "Doctor: You had pneumonia as a child, correct?\nPatient: It must be in there.": ("condition | pneumonia | past",),
    "Doctor: Does the dizziness make you nauseous?\nPatient: Yes.": (
        "symptom | dizziness |",
        "symptom | nauseous |",
    ),
    "Doctor: Other than your migraines, do you have any fever?\nPatient: No.": (
        "condition | migraines |",
        "symptom | fever | absent",
    ),
    # what only sounds like a question, or like none
    "Doctor: I want to start you on lisinopril ten milligrams daily, and we'll order a chest X-ray, okay?\n"
    "Patient: Okay.": (
        "medication | lisinopril | planned | dose=10 unit=mg frequency=daily",
        "procedure | chest X-ray | planned",
    ),
    "Doctor: Does the pain go down your leg?\nPatient: Yes, it goes down my, what is this, the calf?": (
        "symptom | pain |",
    ),
    # who asks, who answers
    "Patient: Should I keep taking aspirin?\nDoctor: Yes, please do.": ("medication | aspirin |",),
    "Patient: Do I have pneumonia?\nDoctor: No, it's just bronchitis.": (
        "condition | pneumonia | absent",
        "condition | bronchitis |",
    ),
    "Doctor: Is there any family history I should know about? Migraines?\nPatient: No.": (
        "condition | Migraines | absent family:family member",
    ),
    "Doctor: Does anyone in your family have diabetes?\nPatient: My mother does.": (
        "condition | diabetes | family:mother",
    ),
    # what follows
    "Doctor: I'm prescribing amoxicillin.\nPatient: How should I take it?\n"
    "Doctor: 500 milligrams three times a day for a week.": (
        "medication | amoxicillin | planned | dose=500 unit=mg frequency=three times a day duration=a week",
    ),
    # drinking
    "Doctor: Do you drink?\nPatient: No, just water.": ("social | drink | absent",),
    "Doctor: Anything else?\nPatient: I drink plenty of water, and I don't drink coffee.": (),
    # Spanish
    "Médico: ¿Tiene tos o dolor de garganta?\nPaciente: No, dolor de garganta no. Solo un poco de tos.": (
        "symptom | dolor de garganta | absent",
        "symptom | tos |",
    ),
    "Médico: ¿Fuma?\nPaciente: Lo dejé hace diez años.": ("social | Fuma | past",),
    "Médico: ¿Le duele el pecho o tiene mareos?\nPaciente: Las dos cosas.": (
        "symptom | Le duele el pecho |",
        "symptom | mareos |",
    ),
    "Médico: ¿Cómo va de la tos?\nPaciente: Ya se me quitó.": ("symptom | tos | absent",),
    "Dr.: ¿Ha notado mareos?\nPte.: Qué va.": ("symptom | mareos | absent",),
}


@pytest.mark.parametrize(("text", "expected"), TALKS.items(), ids=[each[:50] for each in TALKS])
def test_a_conversation_says_exactly_this(text: str, expected: tuple[str, ...]) -> None:
    found = facts(text).mentions
    assert [head(each) for each in found] == [parts_of(line)[0] for line in expected]
    for mention, line in zip(found, expected, strict=True):
        for name, value in parts_of(line)[1].items():
            assert mention.attribute(name) == value, (mention.text, name)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("uh-huh", "yes"),
        ("mm-hmm , yes", "yes"),
        ("well, just a little", "yes"),
        ("every now and then", "yes"),
        ("right now i feel fine", "other"),
        ("nope", "no"),
        ("uh-uh", "no"),
        ("not really", "no"),
        ("no, not that i know of", "no"),
        ("yeah, no, i have not", "no"),
        ("no idea", "other"),
        ("i don't know", "other"),
        ("i have everything still", "other"),
        ("probably", "maybe"),
        ("que va", "no"),
        ("ya no", "other"),
        ("un poco", "yes"),
        ("puede ser", "maybe"),
    ],
)
def test_the_first_words_of_an_answer_say_yes_no_or_perhaps(said: str, answer: Answer) -> None:
    assert polarity(said, 0, len(said))[0] == answer


def test_a_right_that_is_no_side_gives_no_side() -> None:
    text = "Doctor: You have sleep apnea, right?\nPatient: Yes. I have a headache right now."
    assert [each.attribute("laterality") for each in facts(text).mentions] == [None, None]
