"""The pages that explain the result: every field is there, none that is not, and their examples are true."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from shutil import which
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from api.completed import Completed
from shared import errors
from shared.case import Case
from shared.errors import PermanentError
from shared.job import JobRequest, JobStatus
from shared.registry import ModelVersion
from shared.result import result
from tests.conftest import RecordingDesk
from tests.examples import EXAMPLES, PAGES, note
from worker.stages.extract import Extract

TABLE = re.compile(r"<!-- (\w+) -->\n\|.*\n\|[-|]+\|\n((?:\|.*\n)+)")
NO_REASONS = {"too_many_reviews", "reviewed_since"}
"""Codes of what a request is refused for, and no job ever ends with."""
VOLATILE = {"resource"}
"""What the FHIR Bundle adds, which is not made here."""
LANGUAGES = list(PAGES)


def page(language: str) -> str:
    return PAGES[language].read_text(encoding="utf-8")


def example(language: str) -> dict[str, Any]:
    return dict(json.loads((EXAMPLES / f"result.{language}.json").read_text(encoding="utf-8")))


def models_of(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model, those it extends and those that its fields hold."""

    def held(kind: Any) -> Iterator[Any]:
        yield kind
        yield from chain.from_iterable(held(each) for each in get_args(kind))

    found = {each for each in model.__mro__ if issubclass(each, BaseModel) and each.model_fields}
    for field in model.model_fields.values():
        for kind in held(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= models_of(kind)
    return found


def own_fields(model: type[BaseModel]) -> set[str]:
    """The fields that it adds to the model that it extends."""
    inherited = chain.from_iterable(getattr(each, "model_fields", ()) for each in model.__mro__[1:])
    return set(model.model_fields) - set(inherited)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_names_every_field_of_the_result_and_no_other(language: str):
    told = {name: set(re.findall(r"^\| `(\w+)` ", rows, re.MULTILINE)) for name, rows in TABLE.findall(page(language))}
    assert told == {each.__name__: own_fields(each) for each in models_of(Completed)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_names_every_state_and_every_code_of_a_failure(language: str):
    codes = {each.code for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PermanentError)}
    missing = {each for each in codes - NO_REASONS | set(JobStatus) if f"`{each}`" not in page(language)}
    assert not missing


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_example_has_the_fields_of_the_models_and_no_other(language: str):
    answer = example(language)
    assert Completed.model_validate(answer).model_dump(mode="json", exclude_unset=True) == answer


def test_a_field_that_the_models_do_not_know_would_be_noticed():
    odd = example("en") | {"odd": 1}
    assert Completed.model_validate(odd).model_dump(mode="json", exclude_unset=True) != odd


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_shows_its_note_and_its_whole_example(language: str):
    whole = (EXAMPLES / f"result.{language}.json").read_text(encoding="utf-8")
    assert f"\n```text\n{note(language)}\n```\n" in page(language)
    assert f"\n```json\n{whole}```\n" in page(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rules_find_the_facts_of_each_example(language: str, case_of: Callable[..., Case], desk: RecordingDesk):
    (read,) = Extract(ModelVersion("rules", "rules")).run([case_of(note(language))], desk)
    made = json.loads(result(read, JobRequest(text=note(language))))["facts"]
    shown = [{name: each[name] for name in each.keys() - VOLATILE} for each in example(language)["facts"]]
    assert made == shown, "the rules have changed: run `make examples`"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_evidence_of_an_example_quotes_its_note(language: str):
    def evidence(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "quote_hash" in value:
                yield value
            yield from chain.from_iterable(evidence(each) for each in value.values())
        elif isinstance(value, list):
            yield from chain.from_iterable(evidence(each) for each in value)

    found = list(evidence(example(language)))
    assert len(found) > 50
    for each in found:
        words = note(language)[each["start"] : each["end"]]
        assert hashlib.sha256(words.encode()).hexdigest() == each["quote_hash"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_quotes_of_each_page_count_code_points(language: str):
    source = "😀 café 🩺 dolor torácico 𝜇"
    start = source.index("dolor")
    wanted = {"start": start, "end": start + 5, "quote_hash": hashlib.sha256(b"dolor").hexdigest()}
    blocks = dict(re.findall(r"^```(python|javascript|java)\n(.*?)^```$", page(language), re.MULTILINE | re.DOTALL))
    (name,) = re.findall(r"^def (\w+)", blocks["python"], re.MULTILINE)
    call = f"{name}({json.dumps(source, ensure_ascii=False)}, {json.dumps(wanted)})"
    told = subprocess.check_output([sys.executable, "-c", f"{blocks['python']}\nprint({call})"], text=True)
    assert told.strip() == "dolor"
    node = which("node")
    if node is None:
        pytest.skip("needs Node.js: apt-get install nodejs")
    script = f"{blocks['javascript']}\nconsole.log({call})"
    assert subprocess.check_output([node, "-e", script], text=True).strip() == "dolor"
