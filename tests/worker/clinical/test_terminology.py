"""The tables: every code exists, every name leads to its concept, everyday words lead nowhere."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from worker.clinical.by_gender import BY_GENDER
from worker.clinical.compile_lexicon import compile_entries, hpo_terms
from worker.clinical.reading import read
from worker.clinical.terminology import ALIASES, DATA, HPO, ICD, LEXICON, RXNORM, terminology

MOST_BYTES = 2_000_000
SOURCES = Path(__file__).with_name("rxnorm_sources.tsv")
TABLES = {**dict.fromkeys(ALIASES, (2, 3)), "pains.tsv": (1, 2), "lexicon.tsv": (2, 3)}


@pytest.fixture(scope="module")
def icd() -> ModuleType:
    """The package reads its tables with a call that Python calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_module("simple_icd_10_cm")


def rows(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def found(text: str, language: str = "en") -> list[tuple[str, str]]:
    reading = read(text, language)
    return [(reading.words(each.start, each.end), each.concept.name) for each in terminology().find(reading)]


@pytest.mark.parametrize("table", TABLES)
def test_every_icd_code_is_a_billable_leaf(icd: ModuleType, table: str) -> None:
    column = TABLES[table][0]
    codes = {row[column] for row in rows(table) if row[column]}
    assert [each for each in codes if not (icd.is_valid_item(each) and icd.is_leaf(each))] == []


def test_every_code_that_tells_the_sex_is_a_billable_leaf(icd: ModuleType) -> None:
    codes = {code for each in BY_GENDER.values() for code in each.values()}
    assert codes
    assert all(icd.is_leaf(code) for code in codes)
    assert {("female" in icd.get_description(each["female"])) for each in BY_GENDER.values()} == {True}
    assert {(" male " in icd.get_description(each["male"])) for each in BY_GENDER.values()} == {True}


@pytest.mark.parametrize("table", TABLES)
def test_every_hpo_code_is_a_term_in_use(table: str) -> None:
    terms = {each["id"][0] for each in hpo_terms() if "is_obsolete" not in each}
    column = TABLES[table][1]
    assert {row[column] for row in rows(table) if row[column]} <= terms


def test_no_two_drugs_share_a_code() -> None:
    codes = [row[1] for row in rows("drugs.tsv") if row[1]]
    assert all(each.isdigit() for each in codes)
    assert len(codes) == len(set(codes))


def test_every_drug_code_was_found_beside_the_same_ingredient_elsewhere() -> None:
    lines = SOURCES.read_text(encoding="utf-8").splitlines()
    seen = [tuple(line.split("\t")) for line in lines if not line.startswith("#")]
    assert {(row[1], row[0]) for row in rows("drugs.tsv") if row[1]} == {(code, name) for code, name, _ in seen}
    known = {"cpic", "omop", "vsac", "labeledin", "rxnav", "study", "tables"}
    assert all(set(sources.split(",")) <= known for _, _, sources in seen)


def test_further_names_of_a_drug_have_the_code_of_its_ingredient() -> None:
    known = {row[0]: row[1] for row in rows("drugs.tsv")}
    further = [row for row in rows("brands.tsv") if row[1]]
    assert further
    assert [row for row in further if known.get(row[0]) != row[1]] == []


def test_the_lexicon_is_what_its_script_compiles_and_stays_small(icd: ModuleType) -> None:
    assert LEXICON.read_text(encoding="utf-8") == "".join(f"{each.line()}\n" for each in compile_entries())
    assert LEXICON.stat().st_size < MOST_BYTES


@pytest.mark.parametrize(
    ("text", "concept", "system", "code"),
    [
        ("headache", "headache", HPO, "HP:0002315"),
        ("Migraines", "migraine", ICD, "G43.909"),
        ("HTN", "hypertension", ICD, "I10"),
        ("high blood pressure", "hypertension", ICD, "I10"),
        ("T2DM", "type 2 diabetes mellitus", ICD, "E11.9"),
        ("heart attack", "myocardial infarction", ICD, "I21.9"),
        ("Glucophage", "metformin", RXNORM, "6809"),
        ("metformina", "metformin", RXNORM, "6809"),
        ("ictus", "stroke", ICD, "I63.9"),
        ("dolor de cabeza", "headache", HPO, "HP:0002315"),
        ("Micronase", "glyburide", RXNORM, "4815"),
        ("hallux valgus", "hallux valgus", HPO, "HP:0001822"),
    ],
)
def test_a_name_leads_to_its_code(text: str, concept: str, system: str, code: str) -> None:
    name = next(terminology().find(read(text, "en")))
    assert name.concept.name == concept
    assert (system, code) in {(each.system, each.code) for each in name.concept.codes}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Does she have a cap on? He has to go, it is so big, as he said.", "en"),
        ("Mi tía vino con ira y no les dio el pad.", "es"),
        ("Gotas para los ojos.", "es"),
        ("She takes antipsychotics and is pain-free.", "en"),
        ("She is employed as an x-ray technician; the physical therapy staff saw her.", "en"),
        ("There was minimal pain relief.", "en"),
        ("He has no HIV risk factors; the COVID-19 pandemic; breast cancer screening.", "en"),
    ],
)
def test_everyday_words_are_no_findings(text: str, language: str) -> None:
    assert found(text, language) == []


def test_the_longest_name_wins() -> None:
    assert found("type 2 diabetes mellitus") == [("type 2 diabetes mellitus", "type 2 diabetes mellitus")]
