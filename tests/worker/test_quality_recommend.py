"""The forty cases of recommendations and their judgements are what the rubric says that they are."""

from __future__ import annotations

import json
from collections import Counter

from shared.case import Recommendation, Span
from tests.quality import recommend
from tests.quality.recommend import CASES, JUDGED, OPENINGS, POINTS, Item
from worker.clinical.next_steps import DRUG_ALLERGY


def _rows(name: str) -> list[dict[str, object]]:
    path = {"cases": CASES, "judged": JUDGED, "openings": OPENINGS}[name]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_there_are_forty_cases_of_all_kinds() -> None:
    rows = _rows("cases")
    about = Counter(str(row["about"]) for row in rows)
    assert len(rows) == len({row["id"] for row in rows}) == 40
    assert sum(row["language"] == "es" for row in rows) >= 8
    assert about["allergy"] >= 10
    assert about["red flag"] >= 8
    assert about["empty"] >= 1


def test_each_judgement_answers_every_point_and_holds_for_one_text() -> None:
    cases = {row["id"] for row in _rows("cases")}
    rows = _rows("judged")
    assert len({row["key"] for row in rows}) == len(rows)
    for row in rows:
        assert row["case"] in cases
        assert all(isinstance(row[point], bool) for point in POINTS)
        assert row["key"] == recommend.key(str(row["case"]), str(row["text"]), str(row["shown_urgency"]))


def test_a_changed_text_or_urgency_is_unjudged() -> None:
    key = recommend.key("own-01", "Planned: order a lipid panel.", "routine")
    assert key != recommend.key("own-01", "Planned: order a lipid panel.", "urgent")
    assert key != recommend.key("own-01", "Planned: order an MRI.", "routine")
    assert key != recommend.key("own-02", "Planned: order a lipid panel.", "routine")


def test_naming_a_forbidden_drug_is_a_hit_but_in_the_warning_about_it() -> None:
    def item(source: str) -> Item:
        shown = Recommendation("Which dose of amoxicillin?", "question", "routine", source, (Span(0, 1),))
        return Item("own-14", ("amoxicillin",), shown, "rules")

    assert item("some guideline").is_hit
    assert not item(DRUG_ALLERGY).is_hit


def test_an_item_without_evidence_has_a_ground_only_by_its_rule() -> None:
    shown = Recommendation("Planned: order an MRI.", "next_step", "routine", "some-model", ())
    assert not Item("own-01", (), shown, "model").has_ground
    assert Item("own-01", (), shown, "rules").has_ground
