"""Every regular expression of the packages takes linear time on texts made to be hard for it."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.hostile import outgrows
from tests.patterns import Used, used

LINEAR = (r"(?<!\s)\s*+x", r"(?<!\s)\s+$", r"(?<!\w)(?:\w+[ ,]{1,3}){0,3}ends", r"[a-z]++(?:, [a-z]++)*", r"no|not")
QUADRATIC = (r"\s+$", r"[a-z]+@", r"\d+(?:[.,]\d+)? ?mg", r"(?:and |so )*any", r"\[.*\]", r"old(?: \w+)* man")
EXPONENTIAL = (r"(a+)+$", r"(?:\w+\s?)+:", r"(?:\d|\d\d)+x")
PARTS = ("api", "shared", "worker/clinical", "worker/fhir", "worker/identifiers", "worker")


@pytest.fixture(scope="module")
def every() -> tuple[list[Used], list[str]]:
    return used()


def test_every_place_that_compiles_an_expression_is_seen(every):
    found, unseen = every
    assert unseen == []
    assert len(found) > 300


@pytest.mark.parametrize("part", PARTS)
def test_an_expression_is_linear(every, part):
    parts = defaultdict(list)
    for each in every[0]:
        parts[next(name for name in PARTS if each.where.startswith(f"{name}/"))].append(each)
    assert parts[part]
    found = {each.where: outgrows(each.compiled(), at_one_place=each.at_one_place) for each in parts[part]}
    assert {where: text for where, text in found.items() if text} == {}


@pytest.mark.parametrize("pattern", [*QUADRATIC, *EXPONENTIAL])
def test_an_expression_that_is_not_linear_is_caught(pattern):
    assert outgrows(re.compile(pattern)) is not None


@pytest.mark.parametrize("pattern", LINEAR)
def test_a_linear_expression_is_not_suspected(pattern):
    assert outgrows(re.compile(pattern)) is None


def test_what_is_slow_from_every_place_may_be_fast_at_one():
    assert outgrows(re.compile(r"[a-z]+@"), at_one_place=True) is None
    assert outgrows(re.compile(r"\s*\s*x"), at_one_place=True) is not None
