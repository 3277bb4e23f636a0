"""What people in a consultation say of then and now, of each other and of what is well; and words as they are heard."""

from __future__ import annotations

import pytest

from tests.worker.clinical import test_facts_of_sentences as sentences

TALKS: dict[str, tuple[str, ...]] = {
    # what comes and goes, and is over
    "Doctor: What happened?\nPatient: I had a stroke in the year two thousand and two.": ("condition | stroke | past",),
    "Doctor: Any problems?\nPatient: I also had two heart attacks and pneumonia.": (
        "condition | heart attacks | past",
        "condition | pneumonia | past",
    ),
    "Doctor: Any problems?\nPatient: I've had asthma for years. I had high blood pressure too.": (
        "condition | asthma |",
        "condition | high blood pressure |",
    ),
    "Doctor: Have you ever had pneumonia?\nPatient: Yes, twice.": ("condition | pneumonia | past",),
    "Doctor: What did she tell you?\nPatient: She said I had bronchitis.": ("condition | bronchitis |",),
    "Doctor: Any diarrhea?\nPatient: I had some diarrhea last week, but that's gone now.": (
        "symptom | diarrhea | past",
    ),
    "Médico: ¿Qué le pasa?\nPaciente: Tuve fiebre, pero ya se me quitó.": ("symptom | fiebre | past",),
    # examinations that were made
    "[doctor] so prior to coming in we did do an x-ray of that knee\n[patient] okay": ("procedure | x-ray | past",),
    "[doctor] hey dragon show me the echocardiogram\n[patient] okay": ("procedure | echocardiogram | past",),
    "Doctor: I looked at the results of your CT scan.\nPatient: Okay.": ("procedure | CT scan | past",),
    "Doctor: We'll do an MRI next week.\nPatient: Okay.": ("procedure | MRI | planned",),
    # drugs
    "Doctor: Did anything help?\nPatient: Gabapentin did not work at all, so I take oxycodone.": (
        "medication | Gabapentin | past",
        "medication | oxycodone |",
    ),
    "Doctor: Did anything help?\nPatient: Naproxen, but it upset my stomach.": ("medication | Naproxen | past",),
    "Doctor: What do you take?\nPatient: My cardiologist put me on metoprolol.": ("medication | metoprolol |",),
    "[doctor] i'm gonna go ahead and put you on naproxen\n[patient] okay": ("medication | naproxen | planned",),
    "Doctor: Are you on anything?\nPatient: I used to take lisinopril but now I take losartan.": (
        "medication | lisinopril | past",
        "medication | losartan | | status=active",
    ),
    "Doctor: And you're taking the metformin?\nPatient: I stopped it two months ago.": (
        "medication | metformin | past | status=stopped",
    ),
    "Doctor: Did you take the antibiotics?\nPatient: I finished them last week.": ("medication | antibiotics | past",),
    "Médico: ¿Toma algo?\nPaciente: Ibuprofeno, pero me sentó mal.": ("medication | Ibuprofeno | past",),
    "Doctora: Le pido una resonancia.\nPaciente: Vale. ¿Y ahora?": ("procedure | resonancia | planned",),
    "Doctor: What do you take?\nPatient: Metforman, five hundred milligrams twice a day, and tylonol.": (
        "medication | Metforman | | dose=500 unit=mg frequency=twice a day",
        "medication | tylonol |",
    ),
    # what is taken as known
    "Doctor: Any trouble before?\nPatient: No problems before the injury.": ("condition | injury |",),
    "[doctor] i think you have an exacerbation of your congestive heart failure\n[patient] okay": (
        "condition | congestive heart failure |",
    ),
    "[doctor] i think you have a recurrence of your kidney stones\n[patient] okay": (
        "condition | kidney stones | possible",
    ),
    "Doctor: Are your feet swelling?\nPatient: No, not really.": ("symptom | feet swelling | absent",),
    "Doctor: Does it burn when you pee?\nPatient: It does, yeah.": ("symptom | burn when you pee |",),
    # who is meant
    "Doctor: Any illness in the family?\nPatient: My dad has high blood pressure. He had a stroke, too.": (
        "condition | high blood pressure | family:father",
        "condition | stroke | family:father past",
    ),
    "Doctor: What did your mother die of?\nPatient: Breast cancer. I have asthma.": (
        "condition | Breast cancer | family:mother",
        "condition | asthma |",
    ),
    "Doctor: Heart problems in the family?\nPatient: My brother had a heart attack. I have high cholesterol myself.": (
        "condition | Heart problems | family:brother",
        "condition | heart attack | family:brother",
        "condition | high cholesterol |",
    ),
    "Guest_family: Oh, dad, did you also talk about your depression?\nDoctor: I don't think so.\n"
    "Guest_family: My father has a history of depression.": ("condition | depression |",),
    "Doctor: Do you snore?\nPatient: My daughter was teasing me that I was snoring.": ("symptom | snoring |",),
    "Doctor: What does he take?\nGuest_family: His mother started him on albuterol.": ("medication | albuterol |",),
    "Médica: ¿De qué murió su madre?\nPaciente: De cáncer de mama.": ("condition | cáncer de mama | family:mother",),
    "Pediatra: ¿Qué le ocurre al niño?\nMadre: Tiene tos.\nPediatra: ¿Y fiebre?\nMadre: No.": (
        "symptom | tos |",
        "symptom | fiebre | absent",
    ),
    # what is denied in other words
    "Doctor: Any eye pain, blurred vision, or sensitivity to light?\nPatient: Just the pain. My vision is fine and "
    "bright lights don't bother me.": (
        "symptom | blurred vision | absent",
        "symptom | sensitivity to light | absent",
        "symptom | pain |",
    ),
    "Doctor: Do you have chest pain or shortness of breath?\nPatient: Yes to the first, no to the second.": (
        "symptom | chest pain |",
        "symptom | shortness of breath | absent",
    ),
    "Doctor: Could you be pregnant?\nPatient: There is no chance.": ("condition | pregnant | absent",),
    "Doctor: Any headaches?\nPatient: Not so much anymore.": ("symptom | headaches | absent",),
    "Doctor: Any numbness?\nPatient: Partially.": ("symptom | numbness |",),
    "Doctor: Do you have diabetes?\nPatient: Borderline.": ("condition | diabetes | possible",),
    "Doctor: Allergies?\nPatient: Sulfa drugs. So no more sulfa drugs for me.": ("allergy | Sulfa drugs |",),
    "Doctor: Any sore throat or cough?\nPatient: I have this cough, but other than that nothing.": (
        "symptom | sore throat | absent",
        "symptom | cough |",
    ),
    "Doctor: Do you get chest pain when you walk?\nPatient: No.": ("symptom | chest pain | absent",),
    "Doctor: Are you still taking the lipitor?\nPatient: No, I ran out of it.": (
        "medication | lipitor | past | status=stopped",
    ),
    "Doctor: What do you take?\nPatient: Something called Zyprexa, but I stopped it.": ("medication | Zyprexa | past",),
    "Doctor: Any allergies?\nPatient: I can't take codeine, it makes me throw up.": (
        "allergy | codeine | | reaction=vomiting",
    ),
    "[doctor] i don't think this is a heart attack i think it's reflux\n[patient] okay": (
        "condition | heart attack | absent",
        "condition | reflux | possible",
    ),
    "[doctor] has anyone in your family had colon cancer\n[patient] my uncle did": (
        "condition | colon cancer | family:uncle",
    ),
    "Doctor: Any family history?\nPatient: No.\nDoctor: Anyone with diabetes?\nPatient: No.": (
        "condition | diabetes | absent family:family member",
    ),
    # what is only asked
    "Doctor: Any other symptoms?\nDoctor: Muscle aches, chest pain ...\nPatient: I have some muscle aches.": (
        "symptom | muscle aches |",
    ),
    "Doctor: Tremors or numbness or-\nPatient: No.\nDoctor: Any fever?\nPatient: No.": (
        "symptom | Tremors | absent",
        "symptom | numbness | absent",
        "symptom | fever | absent",
    ),
    "[doctor] i'm gonna have you check your weight and also i want to have you use your albuterol\n[patient] no": (
        "medication | albuterol | planned",
    ),
    # corrections
    "Doctor: Where does it hurt?\nPatient: My left knee hurts. Wait, no, it's the right.": (
        "symptom | knee hurts | | laterality=right",
    ),
    "Doctor: Where?\nPatient: My left, no, sorry, my right knee hurts.": ("symptom | knee hurts | | laterality=right",),
    # names instead of roles
    "Anna: How long have you had the pain?\nMs. Smith: Two weeks.\nAnna: Any fever?\nMs. Smith: No.": (
        "symptom | pain |",
        "symptom | fever | absent",
    ),
    "Dr. Lee: Any fever?\nPatient: No.": ("symptom | fever | absent",),
}


@pytest.mark.parametrize(("text", "expected"), TALKS.items(), ids=[each[:60] for each in TALKS])
def test_a_conversation_says_exactly_this(text: str, expected: tuple[str, ...]) -> None:
    sentences.test_a_sentence_says_exactly_this("", text, expected)
