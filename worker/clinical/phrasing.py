"""The words around facts when they are told in English or in Spanish."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Phrases:
    """The words around the facts in one language."""

    person: str
    child: str
    male: str
    female: str
    patient: str
    having: str
    also: str
    duration: str
    history: str
    conditions: str
    takes: str
    took: str
    planned: str
    allergic: str
    not_allergic: str
    no_allergies: str
    denies: str
    without: str
    possible: str
    both: str
    either: str
    relatives: dict[str, str]
    habits: dict[str, tuple[str, str]]
    """What to call a habit where there is one and where there is none."""
    severity_first: bool
    nouns: dict[str, str] = field(default_factory=dict)
    """What to call a thing that the text tells by a verb or an adjective, by a pattern of its folded word."""


ENGLISH = Phrases(
    person="{age}-year-old {who}", child="{age}-{unit}-old {who}", male="male", female="female", patient="patient",
    having="{person} with {things}", also="also {things}", duration="{thing} for {duration}",
    history="history of {things}",
    conditions="conditions: {things}", takes="takes {things}", took="previously took {things}",
    planned="planned: {things}", allergic="allergic to {things}", not_allergic="no allergy to {things}",
    no_allergies="no known allergies",
    denies="denies {things}", without="no {things}", possible="possible {things}", both="and", either="or",
    relatives={},
    habits={
        "current smoker": ("current smoker", "smoking"), "former smoker": ("former smoker", "former smoking"),
        "never smoker": ("never smoked", "smoking history"), "alcohol use": ("alcohol use", "alcohol use"),
        "illicit drug use": ("illicit drug use", "illicit drug use"), "vaping": ("vaping", "vaping"),
        "marijuana use": ("marijuana use", "marijuana use"), "cocaine use": ("cocaine use", "cocaine use"),
    },
    severity_first=True,
)  # fmt: skip
SPANISH = Phrases(
    person="{who} de {age} años", child="{who} de {age} {unit}", male="hombre", female="mujer", patient="paciente",
    having="{person} con {things}", also="además {things}", duration="{thing} desde hace {duration}",
    history="antecedentes de {things}",
    conditions="diagnósticos: {things}", takes="toma {things}", took="antes tomaba {things}",
    planned="previsto: {things}", allergic="alergia a {things}", not_allergic="sin alergia a {things}",
    no_allergies="sin alergias conocidas",
    denies="niega {things}", without="sin {things}", possible="posible {things}", both="y", either="ni",
    relatives={
        "father": "padre", "mother": "madre", "brother": "hermano", "sister": "hermana", "son": "hijo",
        "daughter": "hija", "grandfather": "abuelo", "grandmother": "abuela", "uncle": "tío", "aunt": "tía",
        "family": "familia", "cousin": "primo", "sibling": "hermano", "parent": "padre o madre",
    },
    habits={
        "current smoker": ("tabaquismo activo", "tabaquismo"), "former smoker": ("exfumador", "tabaquismo previo"),
        "never smoker": ("nunca ha fumado", "tabaquismo previo"), "vaping": ("vapeo", "vapeo"),
        "alcohol use": ("consumo de alcohol", "consumo de alcohol"),
        "illicit drug use": ("consumo de drogas", "consumo de drogas"),
        "marijuana use": ("consumo de cannabis", "consumo de cannabis"),
        "cocaine use": ("consumo de cocaína", "consumo de cocaína"),
    },
    severity_first=False,
    nouns={
        r"vomit(?!os$)\w+": "vómitos", r"tos(?:e|en|ia|iendo)": "tos", r"sangr(?!ados?$|e$)\w+": "sangrado",
        r"cansad[oa]s?": "cansancio", r"mareon?e?|maread[oa]s?": "mareo", r"fatigad[oa]s?": "fatiga",
        r"hinchad[oa]s?": "hinchazón", r"estrenid[oa]s?": "estreñimiento", r"febril(?:es)?": "fiebre",
        r"hipertens[oa]s?": "hipertensión", r"diabetic[oa]s?": "diabetes", r"asmatic[oa]s?": "asma",
        r"epileptic[oa]s?": "epilepsia", r"obes[oa]s?": "obesidad", r"desmay(?!os?$)\w+": "desmayo",
        r"embarazada|gestante(?: de)?": "embarazo", r"ansios[oa]s?": "ansiedad", r"deprimid[oa]s?": "ánimo deprimido",
        r"nervios[oa]s?": "nerviosismo", r"triste": "tristeza", r"somnolient[oa]s?": "somnolencia",
        r"disneic[oa]s?": "disnea", r"icteric[oa]s?": "ictericia", r"palid[oa]s?": "palidez",
        r"confus[oa]s?": "confusión",
    },
)  # fmt: skip
