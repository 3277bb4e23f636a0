"""A line of plan leaves only where the text plans just that: act, thing, number, side, person and condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.case import Case
from worker.clinical import planning, plans
from worker.clinical.facts import facts

CaseOf = Callable[..., Case]

NOTE = (
    "Plan: We will order an MRI of the left knee. Refer to physical therapy twice a week for six weeks. "
    "Avoid heavy lifting. Call the office if the pain gets worse. We will not repeat the x-ray. "
    "Her sister should see a cardiologist. We will start naproxen 500 mg and recheck creatinine in two weeks."
)


def _read(case_of: CaseOf, text: str) -> Case:
    found = facts(text, "en")
    return replace(case_of(text, language="en"), mentions=found.mentions, sections=found.sections)


@pytest.mark.parametrize(
    "line",
    [
        "Order an MRI of the left knee.",
        "Get an MRI of the left knee.",
        "Refer to physical therapy twice a week for six weeks.",
        "Avoid heavy lifting.",
        "Call the office if the pain gets worse.",
        "Recheck creatinine in two weeks.",
        "Recheck creatinine in 2 weeks.",
    ],
)
def test_what_the_text_plans_may_be_said_again(case_of: CaseOf, line: str) -> None:
    case = _read(case_of, NOTE)
    verdict = planning.check(case, plans.planned(case), line)
    assert verdict.support == "supported", verdict.doubts
    assert verdict.evidence


@pytest.mark.parametrize(
    ("line", "doubt"),
    [
        ("MRI of the left knee.", "form"),
        ("Should we order an MRI of the left knee?", "form"),
        ("Start naproxen 500 mg.", "form"),
        ("Order naproxen and an MRI of the left knee.", "treats"),
        ("Order an MRI of the right knee.", "side"),
        ("Order an MRI of the left shoulder.", "nothing"),
        ("Recheck creatinine in three weeks.", "number"),
        ("Recheck creatinine in two months.", "number"),
        ("Monitor the left knee.", "act"),
        ("Repeat the x-ray.", "denied"),
        ("Refer to a cardiologist.", "person"),
        ("Call the office.", "condition"),
        ("Recheck it.", "form"),
        ("Order an MRI of your left knee.", "form"),
        ("Order the left knee.", "act"),
        ("Call the patient if the pain gets worse.", "person"),
        ("Refer physical therapy twice a week.", "form"),
    ],
)
def test_what_the_text_does_not_plan_is_dropped(case_of: CaseOf, line: str, doubt: str) -> None:
    case = _read(case_of, NOTE)
    verdict = planning.check(case, plans.planned(case), line)
    assert verdict.support == "unsupported"
    assert doubt in verdict.doubts


def test_an_image_with_the_contrast_that_the_patient_cannot_have_is_no_plan_to_repeat(case_of: CaseOf) -> None:
    plan = "We will order a CT of the abdomen with contrast."
    line = "Order a CT of the abdomen with contrast."
    for allergy, support in (("", "supported"), ("Allergic to iodinated contrast. ", "unsupported")):
        case = _read(case_of, allergy + plan)
        assert planning.check(case, plans.planned(case), line).support == support


@pytest.mark.parametrize(
    "text",
    [
        "Doctor: Should we check your cholesterol?\nPatient: I would rather not.\nDoctor: All right.",
        "Doctor: Let me listen to your heart.\nPatient: Okay.\nDoctor: I'm going to press on your belly.",
        "Doctor: How are you?\nPatient: I want you to order an MRI for me.\nDoctor: I see.",
        "Patient asks for an MRI of the knee. She declined physical therapy.",
        "We decided against a biopsy. No imaging is needed.",
        "She was referred by her doctor for anemia.",
        "Doctor: Let's get your things lined up.\nPatient: Okay.\nDoctor: We'll see you next time.",
    ],
)
def test_what_is_asked_declined_or_part_of_the_visit_plans_nothing(case_of: CaseOf, text: str) -> None:
    assert plans.planned(_read(case_of, text)) == ()


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("P: Physical therapy referral. RTC 4 weeks.", ["Physical therapy referral.", "RTC 4 weeks."]),
        ("Cellulitis of the leg. Recheck the leg in two days.", ["Recheck the leg in two days."]),
        ("Doctor: We'll recheck the TSH.\nPatient: Good.\nDoctor: Bye.", ["We'll recheck the TSH."]),
    ],
)
def test_plans_are_found_in_notes_and_in_what_the_clinician_says(
    case_of: CaseOf, text: str, planned: list[str]
) -> None:
    case = _read(case_of, text)
    assert [case.quote(span) for span in plans.planned(case)] == planned


@pytest.mark.parametrize(
    ("sentence", "acts"),
    [
        ("Check INR now and send her for a CT of the head.", ("Check", "Send")),
        ("I want you to go to the emergency department.", ("Go",)),
        ("so let's go ahead and order an mri .", ("Order",)),
        ("RTC 4 weeks.", ()),
    ],
)
def test_a_sentence_names_its_acts_in_order(sentence: str, acts: tuple[str, ...]) -> None:
    assert plans.acts(sentence) == acts


def test_a_line_is_urgent_only_where_it_says_so_without_a_condition() -> None:
    assert planning.is_urgent("Go to the emergency department right now.")
    assert not planning.is_urgent("Call immediately if the pain gets worse.")
    assert not planning.is_urgent("Order an MRI.")
