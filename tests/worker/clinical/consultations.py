"""The two sample consultations of tests/fixtures, as they are spoken: (speaker, words)."""

Turns = tuple[tuple[str, str], ...]

ENGLISH: Turns = (
    (
        "clinician",
        "Good morning, I'm Doctor Ramirez. What brings you in today?",
    ),
    (
        "patient",
        "Good morning, doctor. I've had a headache for three days now, and it isn't going away.",
    ),
    (
        "clinician",
        "I'm sorry to hear that. Where does it hurt, and how bad is it?",
    ),
    (
        "patient",
        "It's on the right side, behind my eye. I'd call it moderate, about a six out of ten. It throbs.",
    ),
    (
        "clinician",
        "You're forty-five, is that right? Have you had headaches like this before?",
    ),
    (
        "patient",
        "Yes, I'm forty-five. I've had migraines since my twenties, but this one is lasting longer than usual.",
    ),
    (
        "clinician",
        "Any nausea or vomiting? Does light bother you?",
    ),
    (
        "patient",
        "A little nausea, but no vomiting. Bright light does make it worse.",
    ),
    (
        "clinician",
        "Any fever, neck stiffness, weakness, or trouble with your speech?",
    ),
    (
        "patient",
        "No, none of that.",
    ),
    (
        "clinician",
        "What medicines do you take every day?",
    ),
    (
        "patient",
        "Just metformin, five hundred milligrams twice daily, for diabetes. I tried ibuprofen yesterday "
        "and it didn't help much.",
    ),
    (
        "clinician",
        "Are you allergic to anything?",
    ),
    (
        "patient",
        "Yes, penicillin. It gave me a rash as a child.",
    ),
    (
        "clinician",
        "And in the family?",
    ),
    (
        "patient",
        "My father had a stroke when he was seventy.",
    ),
    (
        "clinician",
        "Okay. Your blood pressure today is one forty-two over ninety-one, so we'll repeat that. I think "
        "this is a migraine. Let's start sumatriptan fifty milligrams, and come back in two weeks.",
    ),
    (
        "patient",
        "Thank you, doctor.",
    ),
)

SPANISH: Turns = (
    (
        "clinician",
        "Buenos días, soy la doctora Herrera. ¿Qué le trae por la consulta?",
    ),
    (
        "patient",
        "Buenos días, doctora. Tengo dolor de cabeza desde hace tres días.",
    ),
    (
        "clinician",
        "¿En qué parte le duele y cómo es de fuerte?",
    ),
    (
        "patient",
        "En el lado derecho, detrás del ojo. Es moderado, un seis sobre diez.",
    ),
    (
        "clinician",
        "¿Ha tenido vómitos, fiebre o rigidez en el cuello?",
    ),
    (
        "patient",
        "No, vómitos no. Solo un poco de náuseas, y me molesta la luz.",
    ),
    (
        "clinician",
        "¿Toma alguna medicación todos los días?",
    ),
    (
        "patient",
        "Sí, metformina, quinientos miligramos dos veces al día. Tengo diabetes.",
    ),
    (
        "clinician",
        "¿Es alérgico a algún medicamento?",
    ),
    (
        "patient",
        "Sí, soy alérgico a la penicilina.",
    ),
    (
        "clinician",
        "¿Y antecedentes en la familia?",
    ),
    (
        "patient",
        "Mi padre tuvo un ictus a los setenta años.",
    ),
    (
        "clinician",
        "Su tensión arterial es de ciento cuarenta y dos sobre noventa y uno. Creo que es una migraña. "
        "Vamos a empezar con sumatriptán y nos vemos en dos semanas.",
    ),
)
