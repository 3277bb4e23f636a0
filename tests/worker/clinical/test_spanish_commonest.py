"""What Spanish doctors write most often is found whole and has a code: diagnoses of practice and ward."""

from __future__ import annotations

import pytest

from worker.clinical.reading import read
from worker.clinical.terminology import ICD, terminology

COMMON = """
hipertensión arterial; diabetes mellitus tipo 2; diabetes tipo 1; dislipemia; hipercolesterolemia;
hipertrigliceridemia; obesidad; sobrepeso; hipotiroidismo; hipertiroidismo; bocio; nódulo tiroideo; anemia
ferropénica; anemia; déficit de vitamina D; déficit de vitamina B12; hiperuricemia; gota; ansiedad; trastorno de
ansiedad; depresión; trastorno depresivo; insomnio; trastorno adaptativo; trastorno bipolar; esquizofrenia;
demencia; enfermedad de Alzheimer; enfermedad de Parkinson; epilepsia; migraña; cefalea tensional; vértigo; vértigo
posicional paroxístico benigno; mareo; síncope; ictus; accidente isquémico transitorio; cardiopatía isquémica;
infarto agudo de miocardio; angina de pecho; insuficiencia cardíaca; fibrilación auricular; flutter auricular;
palpitaciones; estenosis aórtica; insuficiencia mitral; insuficiencia venosa; varices; trombosis venosa profunda;
tromboembolismo pulmonar; arteriopatía periférica; aneurisma de aorta abdominal; EPOC; asma; bronquitis aguda;
neumonía; neumonía adquirida en la comunidad; derrame pleural; apnea del sueño; tuberculosis; fibrosis pulmonar;
bronquiectasias; infección respiratoria; resfriado común; gripe; COVID-19; faringitis; amigdalitis;
faringoamigdalitis; sinusitis; otitis media; otitis externa; rinitis alérgica; laringitis; epistaxis; tapón de
cerumen; hipoacusia; conjuntivitis; cataratas; glaucoma; reflujo gastroesofágico; hernia de hiato; gastritis;
dispepsia; úlcera gástrica; úlcera duodenal; gastroenteritis; diarrea; estreñimiento; hemorroides; fisura anal;
diverticulitis; diverticulosis; síndrome del intestino irritable; enfermedad de Crohn; colitis ulcerosa;
colelitiasis; colecistitis; pancreatitis aguda; apendicitis; hernia inguinal; esteatosis hepática; hepatitis C;
cirrosis hepática; hemorragia digestiva; obstrucción intestinal; infección urinaria; cistitis; pielonefritis; cólico
nefrítico; litiasis renal; insuficiencia renal crónica; enfermedad renal crónica; insuficiencia renal aguda;
hiperplasia benigna de próstata; prostatitis; incontinencia urinaria; disfunción eréctil; hematuria; lumbalgia;
ciática; cervicalgia; dorsalgia; artrosis; gonartrosis; coxartrosis; artritis reumatoide; osteoporosis;
fibromialgia; tendinitis; hombro doloroso; síndrome del túnel carpiano; fascitis plantar; esguince de tobillo;
fractura de cadera; traumatismo craneoencefálico; hernia discal; polimialgia reumática; lupus eritematoso sistémico;
psoriasis; dermatitis atópica; dermatitis seborreica; dermatitis de contacto; urticaria; acné; herpes zóster; herpes
labial; celulitis; absceso; tiña; onicomicosis; candidiasis vaginal; verrugas; queratosis actínica; melanoma;
carcinoma basocelular; cáncer de colon; cáncer de pulmón; cáncer de próstata; cáncer de vejiga; linfoma; leucemia;
mieloma múltiple; menopausia; dismenorrea; amenorrea; mioma uterino; quiste ovárico; endometriosis; preeclampsia;
embarazo; aborto espontáneo; vaginitis; alcoholismo; sepsis; bacteriemia; deshidratación; hiponatremia;
hiperpotasemia; hipopotasemia; úlcera por presión; fiebre; tos; disnea; dolor torácico; dolor abdominal; náuseas;
vómitos; astenia; pérdida de peso; pérdida de apetito; cefalea; edema; artralgia; mialgia; disuria; polaquiuria;
prurito; parestesias; temblor; ictericia; rectorragia; disfagia; odinofagia; pirosis; hemoptisis; expectoración;
sibilancias; escalofríos; somnolencia; síndrome febril; crisis convulsiva; exantema; varicela; mononucleosis
infecciosa; bronquiolitis; escarlatina; lactante con cólico; parálisis facial; neuralgia del trigémino;
polineuropatía; retinopatía diabética; hipoglucemia; cetoacidosis diabética; shock séptico; edema agudo de pulmón;
insuficiencia respiratoria; delirium; reacción alérgica; anafilaxia; intoxicación etílica
"""
"""232 names; what has no code on purpose is not among them (a fall, a wound, a foreign body)."""


@pytest.mark.parametrize("name", [each.strip() for each in COMMON.replace(chr(10), " ").split(";")])
def test_a_common_spanish_name_is_found_whole_with_its_code(name: str) -> None:
    reading = read(f"Paciente con {name}.", "es")
    codes = [
        code.code
        for found in terminology().find(reading)
        for code in found.concept.codes
        if code.system == ICD and len(reading.words(found.start, found.end)) >= 0.7 * len(name)
    ]
    assert codes
