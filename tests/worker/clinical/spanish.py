"""Spanish sentences and what they say, in the form of english.py."""

SENTENCES: dict[str, tuple[str, ...]] = {
    "Niega fiebre, tos o disnea.": ("symptom | fiebre | absent", "symptom | tos | absent", "symptom | disnea | absent"),
    "No refiere dolor torácico ni palpitaciones.": (
        "symptom | dolor torácico | absent",
        "symptom | palpitaciones | absent",
    ),
    "Cefalea intensa sin fotofobia.": ("symptom | Cefalea | | severity=intensa", "symptom | fotofobia | absent"),
    "No fiebre no vómitos, pero sí diarrea.": (
        "symptom | fiebre | absent",
        "symptom | vómitos | absent",
        "symptom | diarrea |",
    ),
    "Ánimo bajo de 4 meses, con pérdida de 6 kg.": (
        "symptom | Ánimo bajo |",
        "symptom | pérdida de 6 kg |",
    ),
    "Lactante de 4 meses, con fiebre de hasta 39,5 ºC.": (
        "demographic | 4 meses | | value=4 unit=mo",
        "symptom | fiebre |",
        "vital | 39,5 ºC | | value=39.5 unit=Cel",
    ),
    "Antecedentes: cesárea en 2019.\nTA 165/108 mmHg. Edemas maleolares.": (
        "procedure | cesárea | past",
        "vital | TA 165/108 mmHg | | systolic=165 diastolic=108",
        "symptom | Edemas maleolares |",
    ),
    "Pcte de 83 a. con edemas.": ("demographic | 83 a | | value=83 unit=a", "symptom | edemas |"),
    "Vómitos no.": ("symptom | Vómitos | absent",),
    "El dolor abdominal no mejora con paracetamol.": ("symptom | dolor abdominal |", "medication | paracetamol |"),
    "No disnea de reposo, ni palpitaciones, ni dolor torácico.": (
        "symptom | disnea | absent",
        "symptom | palpitaciones | absent",
        "symptom | dolor torácico | absent",
    ),
    "Se descarta neumonía.": ("condition | neumonía | absent",),
    "Sospecha de trombosis venosa profunda.": ("condition | trombosis venosa profunda | possible",),
    "Probable cólico renal.": ("condition | cólico renal | possible",),
    "TVP?": ("condition | TVP | possible",),
    "Podría ser una migraña.": ("condition | migraña | possible",),
    "A descartar infarto de miocardio.": ("condition | infarto de miocardio | possible",),
    "Acuda a urgencias si aparece fiebre.": ("symptom | fiebre | hypothetical",),
    "Paracetamol 1 g cada 8 horas si dolor.": (
        "medication | Paracetamol | | dose=1 unit=g frequency=cada 8 horas",
        "symptom | dolor | hypothetical",
    ),
    "Madre con diabetes y hermana con cáncer de mama.": (
        "condition | diabetes | family:mother",
        "condition | cáncer de mama | family:sister",
    ),
    "Antecedentes familiares de ictus.": ("condition | ictus | family:family member",),
    "Padre fallecido por infarto agudo de miocardio.": ("condition | infarto agudo de miocardio | family:father",),
    "Su padre tuvo un ictus a los 70 años; niega vómitos.": (
        "condition | ictus | family:father | onset_age=70",
        "symptom | vómitos | absent",
    ),
    "Antecedentes de asma e hipertensión.": ("condition | asma | past", "condition | hipertensión | past"),
    "Antecedentes personales: HTA, DM2, dislipemia.": (
        "condition | HTA | past",
        "condition | DM2 | past",
        "condition | dislipemia | past",
    ),
    "Ictus hace 3 años.": ("condition | Ictus | past",),
    "Tos desde hace dos semanas.": ("symptom | Tos | | duration=dos semanas duration_days=14",),
    "Lleva tres días con fiebre de 38,5 ºC.": (
        "symptom | fiebre | | duration=tres días duration_days=3",
        "vital | 38,5 ºC | | value=38.5 unit=Cel",
    ),
    "Toma metformina 850 mg cada 12 horas y enalapril 20 mg al día.": (
        "medication | metformina | | dose=850 unit=mg frequency=cada 12 horas",
        "medication | enalapril | | dose=20 unit=mg frequency=al día",
    ),
    "Iniciar amoxicilina 500 mg cada 8 horas durante 7 días.": (
        "medication | amoxicilina | planned | dose=500 unit=mg frequency=cada 8 horas duration=7 días duration_days=7",
    ),
    "Suspender ibuprofeno.": ("medication | ibuprofeno | past | status=stopped",),
    "Omeprazol 20 mg 1-0-0 por vía oral.": (
        "medication | Omeprazol | | dose=20 unit=mg frequency=1-0-0 route=por vía oral",
    ),
    "Alérgica a la penicilina y al látex.": ("allergy | penicilina |", "allergy | látex |"),
    "Sin alergias medicamentosas conocidas.": ("allergy | Sin alergias medicamentosas conocidas |",),
    "Alergia a sulfamidas, con urticaria.": ("allergy | sulfamidas | | reaction=hives",),
    "TA 142/91 mmHg, FC 80 lpm, saturación 96%, temperatura 37,2 ºC.": (
        "vital | TA 142/91 mmHg | | systolic=142 diastolic=91 unit=mm[Hg]",
        "vital | FC 80 lpm | | value=80 unit=/min",
        "vital | saturación 96% | | value=96 unit=%",
        "vital | temperatura 37,2 ºC | | value=37.2 unit=Cel",
    ),
    "Varón de 45 años con cefalea moderada desde hace tres días.": (
        "demographic | Varón | | value=male",
        "demographic | 45 años | | value=45 unit=a",
        "symptom | cefalea | | severity=moderada duration=tres días duration_days=3",
    ),
    "Mujer de 68años con fibrilación auricular.": (
        "demographic | Mujer | | value=female",
        "demographic | 68años | | value=68",
        "condition | fibrilación auricular |",
    ),
    "Me duele la rodilla derecha desde ayer.": (
        "symptom | Me duele la rodilla derecha | | laterality=derecha duration=desde ayer duration_days=1",
    ),
    "Apendicectomía en 2010, fumador de un paquete al día.": (
        "procedure | Apendicectomía | past",
        "social | fumador |",
    ),
    "Varón de 45 años, cefalea moderada desde hace tres días, antecedentes de migraña, toma metformina 500 mg dos veces al día, alérgico a la penicilina, padre con ictus, TA 142/91, niega vómitos.": (  # noqa: E501 -- one sentence as clinicians write it
        "demographic | Varón | | value=male",
        "demographic | 45 años | | value=45",
        "symptom | cefalea | | severity=moderada duration=tres días duration_days=3",
        "condition | migraña | past",
        "medication | metformina | | dose=500 unit=mg frequency=dos veces al día",
        "allergy | penicilina |",
        "condition | ictus | family:father",
        "vital | TA 142/91 | | systolic=142 diastolic=91 unit=mm[Hg]",
        "symptom | vómitos | absent",
    ),
}
