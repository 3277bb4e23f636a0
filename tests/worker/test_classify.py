"""The category of a text: by a small BERT, by codes, and by the weights that ship."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shared.case import Case, Code, Mention, Span
from shared.errors import JobStoppedError, MissingInputError, ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.conftest import RecordingDesk
from tests.worker import tiny_bert
from worker import classifier, stage
from worker.clinical import votes
from worker.clinical.categories import category_names
from worker.clinical.folded import sentences
from worker.stage import Device, Stage
from worker.training import category
from worker.training.category_data import Example
from worker.windows import merge, windows

CaseOf = Callable[..., Case]
RULES = ModelVersion("rules", "rules")
SHIPPED = Path(category.__file__).parents[1] / "weights" / "category"
LEARN = [
    Example(text, label, label)
    for text, label in [
        ("chest pain .", "cardiovascular"),
        ("heart pain .", "cardiovascular"),
        ("cough and wheeze .", "respiratory"),
        ("sputum with cough .", "respiratory"),
        ("itching rash .", "dermatological"),
        ("skin rash .", "dermatological"),
        ("the patient .", "other"),
        ("the patient has a .", "other"),
    ]
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    folder = tmp_path_factory.mktemp("tiny")
    base = tiny_bert.make(folder / "tiny-bert")
    plan = category.Plan(epochs=30, batch=4, learning_rate=2e-2)
    trained, _ = category.train(base, LEARN, plan, folder / "work")
    about = replace(trained.about, window_tokens=16, threshold=0.5)
    classifier.write(trained, folder / "category", about)
    return ModelVersion("tiny", "bert", path=base, adapter=folder / "category")


@pytest.fixture
def classify(tiny: ModelVersion) -> Stage:
    return stage.load(StageName.CLASSIFY, tiny, Device())


@pytest.fixture
def by_codes() -> Stage:
    return stage.load(StageName.CLASSIFY, RULES, Device())


def categories_of(cases: object) -> list[str]:
    assert isinstance(cases, list)
    return [case.classification.category for case in cases]


def test_the_scores_of_all_categories_add_up_to_one(classify: Stage, case_of: CaseOf, desk: RecordingDesk) -> None:
    (case,) = classify.run([case_of("The patient has a rash.")], desk)
    found = case.classification
    assert found is not None
    assert {name for name, _ in found.scores} == set(category_names())
    assert sum(score for _, score in found.scores) == pytest.approx(1, abs=1e-5)
    assert (found.category, found.confidence) == found.scores[0]
    assert [score for _, score in found.scores] == sorted((score for _, score in found.scores), reverse=True)
    assert desk.told[-1][0] == 1.0


def test_a_batch_comes_back_in_its_order_with_the_scores_of_one_by_one(
    classify: Stage, case_of: CaseOf, desk: RecordingDesk
) -> None:
    cases = [case_of("Cough and wheeze. " * 12), case_of("Skin rash."), case_of("Heart pain. The patient has a rash.")]
    together = classify.run(cases, desk)
    for each, case in zip(together, cases, strict=True):
        (alone,) = classify.run([case], desk)
        assert each.text == case.text
        assert dict(each.classification.scores) == pytest.approx(dict(alone.classification.scores), abs=1e-4)
    assert categories_of(together)[:2] == ["respiratory", "dermatological"]


def test_evidence_selects_the_sentence_that_speaks_for_the_category(
    classify: Stage, case_of: CaseOf, desk: RecordingDesk
) -> None:
    (case,) = classify.run([case_of("Skin rash. The patient. Itching rash.")], desk)
    assert case.classification.category == "dermatological"
    quotes = [case.quote(span) for span in case.classification.evidence]
    assert quotes
    assert set(quotes) <= {"Itching rash.", "Skin rash."}


def test_a_long_text_is_read_to_its_end(classify: Stage, case_of: CaseOf, desk: RecordingDesk) -> None:
    plain = "The patient. " * 3
    (short,) = classify.run([case_of(plain)], desk)
    (longer,) = classify.run([case_of(plain + "Cough and wheeze. Sputum with cough. " * 30)], desk)
    assert short.classification.category == "other"
    assert longer.classification.category == "respiratory"


def test_an_unsure_category_asks_for_a_review(tiny: ModelVersion, case_of: CaseOf, desk: RecordingDesk) -> None:
    strict = stage.load(StageName.CLASSIFY, replace(tiny, options={"threshold": "1.0"}), Device())
    lax = stage.load(StageName.CLASSIFY, replace(tiny, options={"threshold": "0.0"}), Device())
    case = case_of("Heart pain with cough.")
    assert strict.run([case], desk)[0].classification.needs_review  # type: ignore[union-attr]  # it classified
    assert not lax.run([case], desk)[0].classification.needs_review  # type: ignore[union-attr]  # it classified


def test_spanish_is_read_by_the_english_names_of_what_was_found(
    classify: Stage, case_of: CaseOf, desk: RecordingDesk
) -> None:
    case = case_of("El paciente refiere tos desde ayer y niega exantema.", language="es")
    found = (mention(case, "tos", "cough"), replace(mention(case, "exantema", "rash"), assertion="absent"))
    (case,) = classify.run([replace(case, mentions=found)], desk)
    assert case.classification.category == "respiratory"


def test_a_stage_without_text_says_what_it_needs(classify: Stage, case_of: CaseOf, desk: RecordingDesk) -> None:
    with pytest.raises(MissingInputError):
        classify.run([case_of(None)], desk)


def test_a_cancelled_job_stops_the_stage(classify: Stage, case_of: CaseOf) -> None:
    with pytest.raises(JobStoppedError):
        classify.run([case_of("Skin rash.")], RecordingDesk(stop_after=0))


@pytest.mark.parametrize("lost", ["adapter_model.safetensors", "head.safetensors", "about.json"])
def test_damaged_weights_are_named_so_that_the_loop_can_fall_back(
    tiny: ModelVersion, tmp_path: Path, lost: str
) -> None:
    assert tiny.adapter
    for file in tiny.adapter.iterdir():
        (tmp_path / file.name).write_bytes(b"damaged" if file.name == lost else file.read_bytes())
    with pytest.raises(ModelUnavailableError):
        stage.load(StageName.CLASSIFY, replace(tiny, adapter=tmp_path), Device())


@pytest.mark.parametrize("missing", ["path", "adapter"])
def test_missing_weights_are_named_too(tiny: ModelVersion, tmp_path: Path, missing: str) -> None:
    with pytest.raises(ModelUnavailableError):
        stage.load(StageName.CLASSIFY, replace(tiny, **{missing: tmp_path / "none"}), Device())  # type: ignore[arg-type]  # a folder


def mention(case: Case, text: str, concept: str, code: str | None = None) -> Mention:
    start = (case.text or "").index(text)
    codes = (Code(votes.ICD10, code, concept),) if code else ()
    return Mention(f"m{start}", "symptom", start, start + len(text), text, concept=concept, codes=codes)


def test_codes_vote_for_their_categories(by_codes: Stage, case_of: CaseOf, desk: RecordingDesk) -> None:
    case = case_of("Cough, wheeze and an itch.")
    found = (
        mention(case, "Cough", "cough", "R05.9"),
        mention(case, "wheeze", "wheezing", "R06.2"),
        mention(case, "itch", "pruritus", "L29.9"),
    )
    (case,) = by_codes.run([replace(case, mentions=found)], desk)
    scores = dict(case.classification.scores)
    assert case.classification.category == "respiratory"
    assert scores["respiratory"] > 3 * scores["dermatological"] > 0
    assert sum(scores.values()) == pytest.approx(1)
    assert [case.quote(span) for span in case.classification.evidence] == ["Cough", "wheeze"]


def test_a_concept_votes_once_and_the_first_counts_most(by_codes: Stage, case_of: CaseOf, desk: RecordingDesk) -> None:
    case = case_of("Rash. Cough. Then cough, and cough again, the Coughing.")
    coughs = tuple(mention(case, each, "cough", "R05.9") for each in ("Cough", "cough", "Coughing"))
    (case,) = by_codes.run([replace(case, mentions=(mention(case, "Rash", "rash", "R21"), *coughs))], desk)
    scores = dict(case.classification.scores)
    assert scores["dermatological"] > scores["respiratory"] > 0


@pytest.mark.parametrize("sense", [{"assertion": "absent"}, {"assertion": "hypothetical"}, {"experiencer": "family"}])
def test_what_the_patient_does_not_have_has_no_vote(
    by_codes: Stage, case_of: CaseOf, desk: RecordingDesk, sense: dict[str, str]
) -> None:
    case = case_of("No cough. Rash.")
    denied = replace(mention(case, "cough", "cough", "R05.9"), **sense)  # type: ignore[arg-type]  # names real fields
    (case,) = by_codes.run([replace(case, mentions=(denied, mention(case, "Rash", "rash", "R21")))], desk)
    assert case.classification.category == "dermatological"
    assert dict(case.classification.scores)["respiratory"] == 0


def test_a_text_without_findings_is_other_and_wants_a_review(
    by_codes: Stage, case_of: CaseOf, desk: RecordingDesk
) -> None:
    (case,) = by_codes.run([case_of("Good morning.")], desk)
    assert (case.classification.category, case.classification.evidence) == ("other", ())
    assert case.classification.needs_review


def words(texts: list[str]) -> list[int]:
    return [len(each.split()) for each in texts]


def test_windows_hold_whole_sentences_and_all_of_the_text() -> None:
    text = "One two three. Four five. Six seven eight nine. Ten."
    cut = windows(text, words, 5)
    assert [text[span.start : span.end] for span in cut] == ["One two three. Four five.", "Six seven eight nine. Ten."]


def test_a_sentence_over_the_limit_is_cut_at_words_and_nothing_is_lost() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    cut = windows(text, words, 50)
    assert max(words([text[span.start : span.end] for span in cut])) <= 50
    assert " ".join(text[span.start : span.end].strip() for span in cut) == text


def test_a_single_word_without_end_is_cut_too() -> None:
    assert (
        sum(span.end - span.start for span in windows("x" * 100, lambda each: [len(text) for text in each], 7)) == 100
    )


def test_a_sure_window_outweighs_an_unsure_one() -> None:
    assert merge([[0.34, 0.33, 0.33], [0.0, 1.0, 0.0]])[1] > 0.6  # 0.55 were both windows as sure


def test_sentences_hold_all_words() -> None:
    text = "First. Second\n- third; fourth\n\nFIFTH: sixth"
    spans = sentences(text)
    assert "".join(text[each.start : each.end] for each in spans) == "First.Second- third;fourthFIFTH: sixth"
    assert all(isinstance(each, Span) for each in spans)


CLEAR = [
    ("cardiovascular", "Chest pain radiating to the left arm, ST elevation in the inferior leads, troponin raised."),
    ("cardiovascular", "Palpitations. Atrial fibrillation with a fast ventricular rate, on apixaban."),
    ("respiratory", "Productive cough with green sputum, wheeze and shortness of breath for five days."),
    ("respiratory", "Acute exacerbation of asthma, uses her inhaler every two hours."),
    ("digestive", "Heartburn after meals, nausea and epigastric pain; gastroesophageal reflux disease."),
    ("digestive", "Three days of vomiting and watery diarrhea with abdominal cramps."),
    ("neurological", "45-year-old man with moderate headache for three days, history of migraine."),
    ("neurological", "Tonic-clonic seizure this morning, known epilepsy."),
    ("musculoskeletal", "Right knee pain and swelling after twisting it while playing football."),
    ("musculoskeletal", "Low back pain radiating to the leg, worse on bending."),
    ("dermatological", "Itchy red rash on both elbows, scaly plaques, known psoriasis."),
    ("endocrine-metabolic", "Type 2 diabetes mellitus, HbA1c 9.2 %, blood sugars high at home, on metformin."),
    ("genitourinary-reproductive", "Burning on urination, urinary frequency and blood in the urine."),
    ("mental-health", "Low mood, hopeless, poor sleep, lost interest in everything for two months."),
    ("infectious", "Fever and chills after a trip to Kenya, malaria smear positive."),
]


@pytest.fixture(scope="module")
def shipped() -> Stage:
    path = Settings().models_dir / "minilm-l6-v2"
    return stage.load(StageName.CLASSIFY, ModelVersion("minilm-l6-v2", "bert", path=path, adapter=SHIPPED), Device())


@pytest.mark.models
@pytest.mark.parametrize(("wanted", "text"), CLEAR)
def test_the_weights_that_ship_know_a_clear_note(
    shipped: Stage, case_of: CaseOf, desk: RecordingDesk, wanted: str, text: str
) -> None:
    (case,) = shipped.run([case_of(text, language="en")], desk)
    assert case.classification.category == wanted
    assert case.classification.evidence
