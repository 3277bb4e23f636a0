"""The extract stage on whole texts: the note of the issue, both sample consultations, odd characters, too little."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from shared.case import Case, Mention, Segment
from shared.errors import MissingInputError
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.worker.clinical.consultations import ENGLISH, SPANISH
from worker.stage import Device
from worker.stages.extract import Extract, load

NOTE = (
    "45-year-old man, moderate headache for three days, history of migraine, takes metformin 500 mg twice daily, "
    "allergic to penicillin, father had a stroke, BP 142/91, denies vomiting"
)
CaseOf = Callable[..., Case]


@pytest.fixture(scope="module")
def stage() -> Extract:
    return load(ModelVersion("clinical-rules", "rules"), Device())


def run(stage: Extract, case: Case) -> Case:
    return stage.run([case], RecordingDesk())[0]


def only(case: Case, concept: str) -> Mention:
    found = [each for each in case.mentions if each.concept == concept]
    assert len(found) == 1, concept
    return found[0]


def traits(mention: Mention) -> dict[str, str]:
    return {each.name: each.value for each in mention.attributes}


def quoted(case: Case, mention: Mention) -> dict[str, str]:
    return {each.name: case.quote(each.span) for each in mention.attributes if each.span}


def test_the_note_of_the_issue_yields_exactly_its_facts(stage: Extract, case_of: CaseOf) -> None:
    case = run(stage, case_of(NOTE))
    assert case.language == "en"
    assert [(each.kind, each.text) for each in case.mentions] == [
        ("demographic", "45-year-old"),
        ("demographic", "man"),
        ("symptom", "headache"),
        ("condition", "migraine"),
        ("medication", "metformin"),
        ("allergy", "penicillin"),
        ("condition", "stroke"),
        ("vital", "BP 142/91"),
        ("symptom", "vomiting"),
    ]
    assert only(case, "age").attribute("value") == "45"
    assert only(case, "gender").attribute("value") == "male"
    headache = only(case, "headache")
    assert (headache.assertion, headache.temporality) == ("present", "current")
    assert traits(headache) == {"severity": "moderate", "duration": "three days", "duration_days": "3"}
    assert quoted(case, headache)["duration"] == "three days"
    migraine = only(case, "migraine")
    assert migraine.temporality == "past"
    assert [case.quote(each) for each in migraine.cues] == ["history of"]
    metformin = only(case, "metformin")
    assert quoted(case, metformin) | {"status": "active"} == {
        "dose": "500", "unit": "mg", "frequency": "twice daily", "status": "active",
    }  # fmt: skip
    stroke = only(case, "stroke")
    assert (stroke.experiencer, stroke.relation) == ("family", "father")
    assert traits(only(case, "blood pressure")) == {"systolic": "142", "diastolic": "91", "unit": "mm[Hg]"}
    vomiting = only(case, "vomiting")
    assert vomiting.assertion == "absent"
    assert [case.quote(each) for each in vomiting.cues] == ["denies"]


def test_the_clauses_of_the_note_in_another_order_say_the_same(stage: Extract, case_of: CaseOf) -> None:
    clauses = NOTE.split(", ")
    senses = {(each.concept, *_sense(each)) for each in run(stage, case_of(NOTE)).mentions}
    for turn in range(1, len(clauses)):
        text = ", ".join((*clauses[turn:], *clauses[:turn]))
        assert {(each.concept, *_sense(each)) for each in run(stage, case_of(text)).mentions} == senses, text
    backwards = run(stage, case_of(", ".join(reversed(clauses))))
    assert {(each.concept, *_sense(each)) for each in backwards.mentions} == senses


@pytest.mark.parametrize("form", ["running text", "tags", "segments"])
@pytest.mark.parametrize("consultation", [ENGLISH, SPANISH], ids=["english", "spanish"])
def test_a_consultation_says_the_same_with_and_without_speakers(
    stage: Extract, case_of: CaseOf, consultation: tuple[tuple[str, str], ...], form: str
) -> None:
    case = run(stage, _as(form, consultation, case_of))
    english = consultation is ENGLISH
    assert case.language == ("en" if english else "es")
    headache = next(each for each in case.mentions if each.concept == "headache")
    expected = {"laterality": "right", "severity": "moderate"} if english else {"severity": "moderado"}
    assert traits(headache).items() >= (expected | {"duration_days": "3", "severity_score": "6/10"}).items()
    assert headache.assertion == "present"
    absent = ["vomiting", "fever", "neck stiffness"] + (["weakness", "speech difficulty"] if english else [])
    for concept in absent:
        assert only(case, concept).assertion == "absent"
        assert only(case, concept).cues
    for concept in ("nausea", "photophobia", "diabetes mellitus"):
        assert _sense(only(case, concept)) == ("present", "patient", "current")
    metformin = only(case, "metformin")
    assert traits(metformin).items() >= {"dose": "500", "unit": "mg"}.items()
    assert metformin.attribute("frequency") == ("twice daily" if english else "dos veces al día")
    assert only(case, "penicillin").kind == "allergy"
    assert only(case, "stroke").relation == "father"
    assert only(case, "stroke").attribute("onset_age") == "70"
    assert traits(only(case, "blood pressure")) == {"systolic": "142", "diastolic": "91", "unit": "mm[Hg]"}
    migraine = [each for each in case.mentions if each.concept == "migraine"][-1]
    assert migraine.assertion == "possible"
    assert only(case, "sumatriptan").temporality == "planned"
    if english:
        assert only(case, "age").attribute("value") == "45"
        assert only(case, "penicillin").attribute("reaction") == "rash"
        assert only(case, "sumatriptan").attribute("dose") == "50"


def test_offsets_hold_with_an_emoji_combining_accents_and_carriage_returns(stage: Extract, case_of: CaseOf) -> None:
    text = "🙂 Niega vo\u0301mitos.\r\n\r\nRefiere ce\u0301falea y diarrea 🤒🤒.\r\nTA 130/80 mmHg.\r\n"
    text = text.replace("ce\u0301falea", "cefalea")
    case = run(stage, case_of(text, language="es"))
    assert [each.text for each in case.mentions] == ["vo\u0301mitos", "cefalea", "diarrea", "TA 130/80 mmHg"]
    assert all(text[each.start : each.end] == each.text for each in case.mentions)
    assert case.mentions[0].assertion == "absent"


def test_ids_follow_the_text(stage: Extract, case_of: CaseOf) -> None:
    mentions = run(stage, case_of(NOTE)).mentions
    assert [each.id for each in mentions] == [f"m{n}" for n in range(1, len(mentions) + 1)]
    assert all(one.start <= other.start for one, other in pairwise(mentions))


@pytest.mark.parametrize("text", ["", "   \n", "?!", "Thank you.", "120/80", "...", "1 2 3 4 5"])
def test_too_little_text_ends_without_facts(stage: Extract, case_of: CaseOf, text: str) -> None:
    case = run(stage, case_of(text))
    assert case.insufficient
    assert case.mentions == ()


def test_a_short_note_is_enough(stage: Extract, case_of: CaseOf) -> None:
    assert run(stage, case_of("Severe chest pain.")).insufficient is None


def test_a_case_without_text_is_refused(stage: Extract, case_of: CaseOf) -> None:
    with pytest.raises(MissingInputError):
        run(stage, case_of(None))


def test_the_stage_names_its_model_and_tells_that_it_is_done(stage: Extract, case_of: CaseOf) -> None:
    desk = RecordingDesk()
    case = stage.run([case_of(NOTE)], desk)[0]
    assert [each.engine for each in case.models] == ["rules"]
    assert desk.told[-1][0] == 1.0


HOSTILE = (
    "no fever, ",
    "history of ",
    "father had a stroke, ",
    "metformin 500 mg ",
    "any fever? no. ",
    "allergic to ",
    "pain in ",
    "PMH: a\n",
    "doctor: hi\npatient: no fever\n",
    "one hundred ",
    "45 year old ",
    "bp ",
    ", ",
    "(",
    "\n",
    "é\u0301🙂 ",
    "x",
    "1",
)


@pytest.mark.parametrize("piece", HOSTILE, ids=[repr(each)[:14] for each in HOSTILE])
def test_twice_the_text_takes_twice_the_time(stage: Extract, case_of: CaseOf, piece: str) -> None:
    def seconds(chars: int) -> float:
        case = case_of(("abc abd abe " + piece * (chars // len(piece) + 1))[:chars], language="en")
        gc.collect()
        gc.disable()  # a collection walks all that the tests have loaded, whatever the text
        begin = time.process_time()
        run(stage, case)
        took = time.process_time() - begin
        gc.enable()
        return took

    # One good pair will do: what is quadratic takes four times as long in every one of them.
    assert any(seconds(40_000) / max(seconds(20_000), 0.01) < 2.5 for _ in range(6))


def _sense(mention: Mention) -> tuple[str, str, str]:
    return mention.assertion, mention.experiencer, mention.temporality


def _as(form: str, consultation: tuple[tuple[str, str], ...], case_of: CaseOf) -> Case:
    if form == "running text":
        return case_of(" ".join(words for _, words in consultation))
    if form == "tags":
        names = {"clinician": "Doctor", "patient": "Patient"}
        return case_of("\n".join(f"{names[who]}: {words}" for who, words in consultation))
    case = case_of("\n".join(words for _, words in consultation))
    starts = [0]
    for _, words in consultation:
        starts.append(starts[-1] + len(words) + 1)
    segments = tuple(
        Segment(start, start + len(words), 0.0, 1.0, speaker=who)
        for start, (who, words) in zip(starts, consultation, strict=False)
    )
    return Case(origin=case.origin, text=case.text, segments=segments)
